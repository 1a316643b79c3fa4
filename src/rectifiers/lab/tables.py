"""The table of an experiment, from the results there are."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from html import escape
from pathlib import Path
from typing import Any

from ..core import notebook
from ..core.errors import ConfigError
from ..core.files import write_file
from ..core.wording import plural
from ..experiments.archive import to_jsonl
from ..experiments.result import COUNTS, WHOLE
from ..experiments.store import DamagedError
from ..experiments.trial import Trial
from ..report import export
from ..report.analyses.section import Section
from ..report.table import Outcomes, Table, build
from ..report.terminal import plain_text, render, render_sections
from ..report.titles import with_titles
from ..report.wording import statistics_sentence
from .reports import read_findings
from .selecting import Selectable, Selection, select

PICTURES = (".pdf", ".svg", ".png")
COLUMN = 3.25
"""Width of a column of a paper, in inches."""

WIDTH = 100
"""Characters per line where nobody says how many there are."""

MARKS = {
    "better": ("▲", "#2e9e5b"),
    "worse": ("▼", "#d9534f"),
    "equivalent": ("=", "#2a9fb0"),
    "inconclusive": ("·", ""),
}
"""Sign and colour of a verdict; colours that can be told on light and dark pages."""


@dataclass(frozen=True)
class Failure:
    """A run that ended in an error, or whose result is damaged.

    Args:
        reason: the last line of the error.
        path: the file with the whole error, or the damaged one.
    """

    reason: str
    path: Path


def failed_to_read(damaged: Mapping[Trial, DamagedError]) -> dict[Trial, Failure]:
    """What the damage of results means for their trials."""
    return {trial: Failure(str(error), error.path) for trial, error in damaged.items()}


@dataclass(frozen=True)
class Results:
    """What an experiment's runs gave: its table, in every form, and what failed.

    Args:
        selection: what was run.
        outcomes: its trials, each with its result; None where there is none.
        failed: trials that ended in an error when they were run last, or whose results are damaged, and why.
    """

    selection: Selection
    outcomes: Outcomes
    failed: Mapping[Trial, Failure] = field(default_factory=dict)

    @cached_property
    def table(self) -> Table:
        """The computed table: cell by cell, with statistics and verdicts."""
        return build(self.selection.experiment, self.selection.preset, self.outcomes)

    @cached_property
    def sections(self) -> Sequence[Section]:
        """What the analysis of the trained networks found when the report was written last."""
        return read_findings(self.selection)

    def to_text(self, width: int = WIDTH) -> str:
        """The table as a terminal shows it, without colours, and what the analysis found."""
        text = plain_text(render(self.table, width), width)
        return text + (plain_text(render_sections(self.sections, width), width) if self.sections else "")

    def to_dict(self) -> dict[str, Any]:
        """All numbers, as JSON holds them."""
        return export.to_dict(self.table)

    def to_json(self) -> str:
        """What `to_dict` returns, as JSON text."""
        return json.dumps(self.to_dict(), indent=2, ensure_ascii=False) + "\n"

    def to_jsonl(self) -> str:
        """The results themselves, one a line: what can be kept under version control, and read in their place.

        Those of the runs that they start from come after them.
        """
        # Columns that are metrics of the same runs share them.
        found = {result.trial: result for _, result in self.outcomes if result is not None}
        started_from = {result.trial: result for result in self.selection.read_starts()}
        return to_jsonl({**found, **started_from}.values())

    def to_csv(self) -> str:
        """One line per cell, with a header."""
        return export.to_csv(self.table)

    def to_markdown(self) -> str:
        """Pipe tables, with their legend and footnotes, and what the analysis found."""
        found = (f"\n## {one.heading}\n\n{export.section_to_markdown(one)}" for one in self.sections)
        return export.to_markdown(self.table) + "".join(found)

    def to_latex(self) -> str:
        """A `table` environment for the booktabs package."""
        return export.to_latex(self.table)

    def to_sentence(self) -> str:
        """What reports the statistics in a paper's text: runs, test, correction, margin; empty without comparisons."""
        return statistics_sentence(with_titles(self.table))

    def plot(self, path: Path | str) -> Path:
        """Draw the table in the width of a paper's column, 3.25 inches.

        Args:
            path: file to write; its ending says how: .pdf, .svg or .png.

        Raises:
            ConfigError: another ending, nothing has finished yet, or the file cannot be written.
        """
        path = Path(path)
        if path.suffix.lower() not in PICTURES:
            raise ConfigError(f"a plot ends in {', '.join(PICTURES)}, got {path.name!r}")
        write_file(path, self._draw(path.suffix.lower()))
        return path

    def _draw(self, ending: str) -> str | bytes:
        # matplotlib takes a moment that a table does not need.
        from ..report.figures.accuracy import accuracy_figure
        from ..report.figures.canvas import pdf, png, standalone, svg
        from ..report.figures.style import styles

        table = with_titles(self.table)
        chosen = styles(self.table.experiment, self.outcomes)
        figure = accuracy_figure(
            table, {title: chosen[row] for row, title in zip(self.table.rows, table.rows, strict=True)}, COLUMN
        )
        if figure is None:
            raise ConfigError(f"there is nothing to draw; {self.selection.command('run')} makes the runs")
        if ending == ".svg":
            return standalone(svg(figure, name="table", title=table.experiment.title))
        return pdf(figure) if ending == ".pdf" else png(figure, dpi=300)

    def __str__(self) -> str:
        failed = [
            f"failed: {trial}\n  {failure.reason}\n  the whole error: {failure.path}"
            for trial, failure in self.failed.items()
        ]
        return "\n".join([self.selection.heading, "", self.to_text().rstrip(), *failed])

    def _repr_html_(self) -> str:
        facts = self.to_dict()
        cells = {(cell["row"], cell["column"]): cell for cell in facts["cells"]}
        rows, columns = (list(dict.fromkeys(key[place] for key in cells)) for place in (0, 1))
        highest = {column: _find_highest([cells[row, column] for row in rows]) for column in columns}
        lines = [
            [escape(row), *(_cell(cells[row, column], facts, highest[column]) for column in columns)] for row in rows
        ]
        failed = [f"failed: {trial}: {failure.reason}" for trial, failure in self.failed.items()]
        notes = [self.selection.heading, *_legend(list(cells.values())), *facts["notes"], *failed]
        return notebook.grid(facts["title"], ["", *columns], lines, notes)


def _find_highest(cells: Sequence[Mapping[str, Any]]) -> float | None:
    """The highest value of a column; None where nothing finished, and for counts."""
    values = [cell["value"] for cell in cells if cell["value"] is not None and cell["metric"] not in COUNTS]
    return max(values, default=None)


def _legend(cells: Sequence[Mapping[str, Any]]) -> list[str]:
    """What the signs in the cells mean; only those that occur."""
    verdicts = {cell["verdict"] for cell in cells}
    signs = [f"{mark} {verdict}" for verdict, (mark, _) in MARKS.items() if verdict in verdicts]
    signs += ["† paper outside our interval"] if any(cell["published_outside_interval"] for cell in cells) else []
    return ["   ".join(signs)] if signs else []


def _cell(cell: Mapping[str, Any], facts: Mapping[str, Any], highest: float | None) -> str:
    """A cell as HTML: ours, the paper's in brackets where they are comparable, and the verdict's sign."""
    parts = [_number(cell, bold=cell["value"] is not None and cell["value"] == highest), *_lacking(cell)]
    if facts["comparable"] and cell["published"] is not None:
        outside = "†" if cell["published_outside_interval"] else ""
        parts.append(f'<span style="{notebook.FAINT}">({_show(cell, cell["published"])}){outside}</span>')
    if cell["verdict"]:
        mark, colour = MARKS[cell["verdict"]]
        title = escape(_compare(cell, facts["baseline"]))
        parts.append(f'<span title="{title}" style="color:{colour or "inherit"}">{mark}</span>')
    return f'<span style="white-space:nowrap">{" ".join(parts)}</span>'


def _number(cell: Mapping[str, Any], *, bold: bool) -> str:
    """Our number, or why there is none."""
    if cell["value"] is None:
        return "not run" if cell["missing"] == cell["planned"] else "diverged" if cell["diverged"] else "no data"
    text = _show(cell, cell["value"])
    if cell["low"] is not None and cell["aggregate"] == "mean" and cell["metric"] not in COUNTS:
        text += f" ± {(cell['high'] - cell['low']) / 2:.2f}"
    return f"<b>{text}</b>" if bold else text


def _lacking(cell: Mapping[str, Any]) -> Iterator[str]:
    """A sign where some of a cell's runs have no number."""
    counts = {"not run": cell["missing"], "diverged": cell["diverged"]}
    lacking = [f"{count} of {cell['planned']} {text}" for text, count in counts.items() if count]
    if cell["value"] is not None and lacking:
        yield f'<span title="{", ".join(lacking)}" style="color:#c78a1b">!</span>'


def _show(cell: Mapping[str, Any], value: float) -> str:
    return f"{value:,.0f}" if cell["metric"] in WHOLE else f"{value:.2f}".replace("-", "−")


def _compare(cell: Mapping[str, Any], baseline: str) -> str:
    """What a verdict rests on, for the mouse."""
    low, high = cell["minus_baseline_low"], cell["minus_baseline_high"]
    interval = "" if low is None else f" [{low:+.2f}, {high:+.2f}]"
    return (
        f"{cell['verdict']}: {cell['minus_baseline']:+.2f}{interval} from {baseline}, {plural(cell['pairs'], 'pair')}"
    )


def table(
    experiment: Selectable,
    *,
    preset: str | None = None,
    seeds: int | None = None,
    settings: Mapping[str, Any] | None = None,
    data_dir: Path | str | None = None,
    results: Path | str | None = None,
    own: Sequence[str] | str = (),
    only: Sequence[str] | str = (),
) -> Results:
    """Compute the table of an experiment from the results there are; cells that were not run say so.

    Damaged results are left out, and listed in `failed`.

    Args:
        experiment: a registered name, the path of a TOML file, an experiment from `lab.experiment`, or a selection.
        preset: name of its size; None takes `pocket`, or the last one where there is none of that name.
        seeds: number of seeds; None takes the preset's.
        settings: fields of a `Trial` that change in all trials, such as `{"epochs": 5}`.
        data_dir: folder with the files of data sets; None takes RECTIFIERS_DATA, or `data`.
        results: folder that holds the runs; None takes RECTIFIERS_RESULTS, or `runs`.
        own: what files of yours define, each `FILE.py:NAME`; an activation becomes a row.
        only: labels of the rows or columns to which it is limited; none for all.

    Raises:
        StoreError: the folder belongs to something else, or is damaged.

    Example:
        >>> found = table("quickstart", preset="smoke", results="nowhere")
        >>> found.to_dict()["planned"], found.to_dict()["missing"]
        (6, 6)
    """
    selection = select(
        experiment,
        preset=preset,
        seeds=seeds,
        settings=settings,
        data_dir=data_dir,
        results=results,
        own=own,
        only=only,
    )
    damaged: dict[Trial, DamagedError] = {}
    return Results(selection, selection.outcomes(damaged), failed_to_read(damaged))
