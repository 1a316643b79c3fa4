"""Write the page about what rectifiers do inside trained networks, from the papers' entries that look inside.

    python benchmarks/gallery.py --data-dir DATA [--results RUNS] [--only ENTRY] [--smoke] [--output FOLDER]

Makes the runs that the entries need in the preset `pocket` and the results folder lacks, as `rectifiers run` does.
Writes docs/gallery.md, docs/images/analysis and benchmarks/results/gallery.json; what a reader wrote between the marks
of the page stays, and with `--only` the parts of all other entries. `--smoke` uses the preset `smoke`: the same code in
a minute, with numbers that mean nothing.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from rectifiers.experiments import runner
from rectifiers.experiments.experiment import Experiment
from rectifiers.experiments.provenance import provenance
from rectifiers.experiments.store import Store
from rectifiers.experiments.trial import Trial
from rectifiers.lab.selecting import select
from rectifiers.papers import registry
from rectifiers.report.analyses.analyse import analyse
from rectifiers.report.analyses.section import Section, to_dict
from rectifiers.report.export import section_to_markdown, to_markdown
from rectifiers.report.figures.canvas import png, standalone, svg
from rectifiers.report.table import Outcomes, build

ENTRIES = (
    *("crelu/figure1", "crelu/figure2", "crelu/figure3", "crelu/figure4", "crelu/figure5", "crelu/table6"),
    *("crelu/proposition21", "crelu/theorem41"),
    *("convrelu/figure6", "convrelu/sparsity", "arelu/figure1", "arelu/figure4", "arelu/gradients"),
)

BEGIN, END = "<!-- reading:begin -->\n", "<!-- reading:end -->\n"
DOCS = Path(__file__).parents[1] / "docs"
NUMBERS = Path(__file__).parent / "results" / "gallery.json"


def outcomes(
    experiment: Experiment, preset: str, results: Path, store: Store, data_dir: Path | None, workers: int
) -> Outcomes:
    """The results of an entry's runs; those that are missing, or came without their weights, are made now."""
    # Selected, so that they have the kernels of the results there are.
    cells = select(experiment, preset=preset, results=results).cells
    progress = runner.run(cells, store, workers=workers, data_dir=data_dir)
    if progress.failed:
        sys.exit(f"{experiment.name}: {len(progress.failed)} runs failed\n{next(iter(progress.failed.values()))}")
    return store.outcomes(cells)


def page(name: str, sections: Sequence[Section], pictures: Path) -> Iterator[str]:
    """Sections as Markdown; their pictures are written.

    Args:
        name: of the entry; the pictures' files begin with it.
        sections: to show.
        pictures: folder of the pictures, two levels below the page.
    """
    # Columns are seen in the same way, so that their pictures may have one name.
    times = Counter(picture.name for section in sections for picture in section.figures)
    for number, section in enumerate(sections, start=1):
        yield f"### {section.heading}\n"
        yield section_to_markdown(section)
        for picture in section.figures:
            path = pictures / f"{name.replace('/', '-')}-{picture.name}"
            if times[picture.name] > 1:
                path = path.with_stem(f"{path.stem}-{number}")
            if path.suffix == ".svg":
                text = standalone(svg(picture.figure, name=path.stem, title=picture.caption))
                path.write_text(text, encoding="utf-8")
            else:
                path.write_bytes(png(picture.figure))
            place = path.relative_to(pictures.parents[1]).as_posix()
            yield f"![{picture.caption}]({place})\n\n*{picture.caption}.*\n"


def heading(experiment: Experiment, preset: str) -> Iterator[str]:
    """What an entry is, and what its paper says."""
    yield f"## {experiment.title}\n"
    yield f"`rectifiers run {experiment.name} --preset {preset}`: {experiment.preset(preset).note}\n"
    if experiment.published and experiment.published.says:
        yield "The paper, for orientation only:\n"
        yield "\n".join(f"- {statement}" for statement in experiment.published.says) + "\n"


def rounded(value: Any) -> Any:
    """Numbers to six digits: there are many."""
    if isinstance(value, Mapping):
        return {key: rounded(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(one) for one in value]
    return float(f"{value:.6g}") if isinstance(value, float) else value


def reading(path: Path) -> str:
    """What a reader wrote into the page, marks included."""
    text = path.read_text(encoding="utf-8") if path.exists() else f"{BEGIN}{END}"
    return BEGIN + text.split(BEGIN)[1].split(END)[0] + END


def replaced(page: str, title: str, part: str) -> str:
    """The page with this part where that of the same title was, or else at its end."""
    head, *others = page.split("\n## ")
    titles = [f"## {other.partition(chr(10))[0]}\n" for other in others]
    text = part.partition("## ")[2]
    if title in titles:
        others[titles.index(title)] = text
    else:
        others.append(text)
    return "\n## ".join([head, *others])


def gallery(
    preset: str, results: Path, data_dir: Path | None, workers: int, pictures: Path, entries: Sequence[str]
) -> tuple[list[str], Mapping[str, Any]]:
    """The page and the numbers of some entries."""
    parts: list[str] = []
    numbers: dict[str, Any] = {}
    shown: set[Trial] = set()
    for name in entries:
        experiment = registry.get(name)
        store = Store(results, experiment.folder, keep_weights=True)
        found = outcomes(experiment, preset, results, store, data_dir, workers)
        sections = analyse(experiment, preset, found, store.weights, data_dir)
        parts += heading(experiment, preset)
        trials = {cell.trial for cell, _ in found}
        if not trials <= shown:
            parts.append(to_markdown(build(experiment, preset, found)))
            shown |= trials
        parts += page(name, sections, pictures)
        numbers[name] = to_dict(sections, [trial.id for trial in trials])
    return parts, numbers


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-dir", type=Path, default=os.environ.get("RECTIFIERS_DATA"), help="where data sets lie")
    parser.add_argument("--results", type=Path, default=Path("runs"), help="folder that holds the runs")
    parser.add_argument("--workers", type=int, default=2, help="runs at a time, one thread each")
    parser.add_argument("--only", choices=ENTRIES, help="make this entry's part alone, and keep the others")
    parser.add_argument("--smoke", action="store_true", help="the preset smoke, in a minute")
    parser.add_argument(
        "--output", type=Path, help="write everything there instead of into docs and benchmarks/results"
    )
    options = parser.parse_args(arguments)
    docs = options.output or DOCS
    pictures = docs / "images" / "analysis"
    pictures.mkdir(parents=True, exist_ok=True)
    preset = "smoke" if options.smoke else "pocket"
    entries = (options.only,) if options.only else ENTRIES
    parts, numbers = gallery(preset, options.results, options.data_dir, options.workers, pictures, entries)
    facts = "; ".join(f"{key} {value}" for key, value in provenance().items() if value and key != "command")
    lead = (
        "The papers' figures that look into trained networks, drawn for small networks trained here on small data; "
        "`python benchmarks/gallery.py --data-dir DATA` writes this page. The numbers are not the papers', and "
        f"cannot be: the networks and the data differ.\n\n{facts}.\n"
    )
    top = ["# Inside trained networks\n", "<!-- Written by benchmarks/gallery.py. -->\n", lead]
    path = docs / "gallery.md"
    kept = options.output / "gallery.json" if options.output else NUMBERS
    if options.only:
        title, part = parts[0], "\n".join([parts[0], f"Made apart from the others: {facts}.\n", *parts[1:]])
        path.write_text(replaced(path.read_text(encoding="utf-8"), title, part), encoding="utf-8")
        numbers = {**json.loads(kept.read_text(encoding="utf-8")), **numbers}
    else:
        path.write_text("\n".join([*top, reading(path), *parts]), encoding="utf-8")
    lines = (f"{json.dumps(name)}: {json.dumps(rounded(value), ensure_ascii=False)}" for name, value in numbers.items())
    kept.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
