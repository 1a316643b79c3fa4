"""All tables and figures of the papers: what they show, how to run them, what they take, and what they assume."""

from __future__ import annotations

import importlib
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

Every table and figure of the four papers has an entry. `rectifiers run NAME --preset PRESET` runs it, in three sizes:
`smoke` shows in seconds that it runs, `pocket` takes minutes on two cores, and `paper` follows the published
protocol, as far as the paper states it. `rectifiers show NAME` prints the published numbers. To find out what an
entry takes on your machine, `rectifiers plan NAME --preset paper` measures a step, on noise of the same shape where
data are missing, and says how many runs, gigabytes and hours it takes. Below each `paper` preset is what `plan` said
on two cores without a GPU, after a real step of every kind of run
([benchmarks/paper_presets.py](../benchmarks/paper_presets.py)): these hours are calculated from the time of a step,
not measured on whole runs. `rectifiers list papers` says which entries can run on your machine, and which have been
run: in the results that are published here, and by you.

Entries that look into trained networks say so; their report shows what they find, as pictures and as numbers with
intervals over the seeds. They share the runs of a table where possible, but need the trained weights: runs that were
made for a table alone are repeated, with the same bits.

Where a paper is silent or contradicts itself, the assumptions made are listed below the entry and in its report.

The `decide/…` entries are experiments of ours: networks small enough to be trained to the end on two cores, with the
control arms that the papers lack, and with as many seeds as it takes to find half of the published difference.
`rectifiers plan` prints the power calculation, which was written down before anything ran.
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
        parts += [_entry(name, measured.get(name)) for name in registry if name.startswith(f"{paper}/")]
    return "\n".join(parts)


def _entry(name: str, measured: dict[str, Any] | None) -> str:
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
        lines += ["\nAssumptions:\n", *(f"- {text}" for text in experiment.deviations)]
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
