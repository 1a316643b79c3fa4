"""All tables and figures of the papers: what they show, how to run them, what they take, and what they assume."""

from __future__ import annotations

import importlib
from collections import Counter
from collections.abc import Iterable
from typing import Any

from rectifiers.core.wording import duration, plural, span
from rectifiers.experiments.trial import Trial
from rectifiers.papers import registry
from rectifiers.papers.claims import PAPERS

from .published import DOCS, read_measured

PAGE = DOCS / "papers.md"

INTRODUCTION = """\
# The papers

<!-- Written by `make docs` from the experiments; edit those. -->

Every table and figure of the four papers, by the name that runs it:

```sh
rectifiers show arelu/table1                    # the published numbers
rectifiers plan arelu/table1 --preset paper     # runs, gigabytes and hours on your machine
rectifiers run arelu/table1 --preset pocket     # run it
rectifiers list papers                          # what can run here, and what has been run
```

Each comes in up to three sizes: `smoke` shows in seconds that it runs, `pocket` takes minutes on two cores unless it
says otherwise, and `paper` follows the published protocol, as far as the paper states it. Some experiments of ours
have `full` instead.

- **Hours** are what `plan` said for the `paper` size on two cores without a GPU. They are calculated from the time of
  a real step of every kind of run ([benchmarks/paper_presets.py](../benchmarks/paper_presets.py)), on noise of the
  same shape where data are missing, and not measured on whole runs.
- **Assumptions** fill in where a paper is silent or contradicts itself. What several entries of a paper assume is
  listed once, with numbers, and entries name the numbers. Reports have them in full.
- **Looking inside:** entries that look into trained networks say so; their report shows what they find, as pictures
  and as numbers with intervals over the seeds. They share the runs of a table where possible, but need the trained
  weights: runs that were made for a table alone are repeated, with the same bits.
- **Experiments of ours** come last. Those called `decide/…` test the papers' central claims with networks small
  enough to be trained through a whole schedule on two cores, with the control rows that the papers lack, and with as
  many seeds as a power calculation asked for to find half of the published difference. The calculation was written down
  before the rows that it is about were run; `rectifiers plan` prints it, and the [results](../results/README.md) say
  how large the spread turned out to be.
"""


def page() -> str:
    """The page of all of them."""
    measured = read_measured("paper_presets")
    parts = [INTRODUCTION, _measured_on(measured.values())]
    packages = dict.fromkeys(name.partition("/")[0] for name in registry if "/" in name)
    # The four papers come first, then experiments of ours.
    for paper in sorted(packages, key=lambda name: name not in PAPERS):
        package = importlib.import_module(f"rectifiers.papers.{paper}")
        parts.append(f"## {package.PAPER}\n")
        if package.DRAWINGS:
            parts.append(f"{package.DRAWINGS}\n")
        names = [name for name in registry if name.startswith(f"{paper}/")]
        parts.append(_overview(names, measured))
        shared = _shared(names)
        if shared:
            parts.append("Assumptions that several entries share:\n")
            parts.append("\n".join(f"{number}. {text}" for number, text in enumerate(shared, start=1)) + "\n")
        parts += [_entry(name, measured.get(name), shared) for name in names]
    return "\n".join(parts)


def _overview(names: Iterable[str], measured: dict[str, dict[str, Any]]) -> str:
    """A table of a paper's entries: what each shows, and what the published size takes."""
    names = list(names)
    published = any("paper" in registry.get(name).presets for name in names)
    lines = ["| Name | What it shows | Published size |", "|:--|:--|:--|"]
    if not published:
        lines = ["| Name | What it shows |", "|:--|:--|"]
    for name in names:
        takes = f"about {duration(measured[name]['seconds'])}" if name in measured else ""
        if registry.get(name).gpu:
            takes = f"{takes}, so on a GPU" if takes else "on a GPU"
        anchor = name.replace("/", "")
        cells = [f"[`{name}`](#{anchor})", registry.summary(name), *([takes] if published else [])]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join([*lines, ""])


def _shared(names: Iterable[str]) -> list[str]:
    """The assumptions of more than one of these entries, in the order in which they come."""
    count = Counter(text for name in names for text in registry.get(name).deviations)
    return [text for text, times in count.items() if times > 1]


def _entry(name: str, measured: dict[str, Any] | None, shared: list[str]) -> str:
    experiment = registry.get(name)
    lines = [f"### `{name}`\n", f"{registry.summary(name)}\n"]
    if experiment.lacking:
        lines.append(f"Waits for {', '.join(experiment.lacking)}.\n")
    for preset in () if experiment.lacking else experiment.presets:
        trials = {cell.trial for cell in experiment.cells(preset)}
        data = ", ".join(_data_of(trials))
        count = plural(len(trials), "run")
        lines.append(
            f"- `rectifiers run {name} --preset {preset}`: {count} on {data}. {experiment.preset(preset).note}"
        )
    if measured:
        lines.append(f"  {_cost(measured)}")
    if experiment.analysis:
        source = f" It shares its runs with the other entries in `{experiment.folder}`." if experiment.runs else ""
        lines.append(f"\nIt looks into the trained networks with the analysis `{experiment.analysis}`.{source}")
    if experiment.gpu:
        lines.append(f"\nAs published, it needs a GPU: {experiment.gpu}.")
    if experiment.deviations:
        numbers = [str(shared.index(text) + 1) for text in experiment.deviations if text in shared]
        own = [text for text in experiment.deviations if text not in shared]
        told = ", ".join(numbers) + (", and:" if own else ".") if numbers else ""
        lines.append(f"\nAssumptions: {told}".rstrip() if numbers else "\nAssumptions:")
        lines += ["", *(f"- {text}" for text in own)] if own else []
    return "\n".join([*lines, ""])


def _measured_on(measured: Iterable[dict[str, Any]]) -> str:
    """The machines and commits of the costs; more than one where a measurement was interrupted."""
    places: dict[str, dict[str, None]] = {}
    for one in measured:
        places.setdefault(f"{one['processor']}, PyTorch {one['torch']}", {})[one["commit"]] = None
    texts = (
        f"{place} ({'commit' if len(commits) == 1 else 'commits'} {', '.join(commits)})"
        for place, commits in places.items()
    )
    return f"Costs were measured on {'; '.join(texts)}.\n"


def _cost(measured: dict[str, Any]) -> str:
    """Say what a preset takes on the machine that it was measured on."""
    step = span([cost["step_seconds"] for cost in measured["costs"]])
    noise = "" if all(item["ready"] for item in measured["data"]) else ", on noise of the data's shape"
    # The first entries that were measured do not record it; their batches were whole.
    parts = {
        one["measured_batch"]
        for one in measured["costs"]
        if one.get("measured_batch", one["batch_size"]) < one["batch_size"]
    }
    part = (
        f"; batches that do not fit into memory are split into parts of {', '.join(map(str, sorted(parts)))}"
        if parts
        else ""
    )
    workers = plural(measured["workers"], "worker")
    return f"About {duration(measured['seconds'])} with {workers}; a step takes {step}{noise}{part}."


def _data_of(trials: Iterable[Trial]) -> list[str]:
    """List the data sets of trials and of what they start from, and the published weights."""
    known = {one for trial in trials for one in (trial, *trial.lineage)}
    weights = {one.pretrained for one in known if one.pretrained}
    return [
        *(f"`{name}`" for name in sorted({one.dataset for one in known})),
        *(f"the weights `{name}`" for name in sorted(weights)),
    ]
