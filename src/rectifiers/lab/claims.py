"""The register of claims: what the papers say, and what the results there are say about it."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..core.wording import plural
from ..experiments.experiment import Cell
from ..experiments.result import METRICS, Result
from ..experiments.statistics import PairedDifference, compare
from ..papers import registry
from ..papers.claims import ALL, PAPERS, Bearing, Claim, Comparison, Decision, Shown, Status, load_claims
from ..report.analyses.section import Section
from ..report.table import results_by_cell
from .reports import read_analysis
from .seen_inside import describe_entries, find_entries, judge_entries
from .selecting import FASTER, Selection, result_folders, select


@dataclass(frozen=True)
class Judged:
    """A claim, and what is known about it.

    Args:
        claim: the claim.
        status: `reproduced` or `contradicted` as published; `at small scale only` after smaller runs; else `open`.
        finding: what was found, in words, with the effect and its 95 % interval.
        effect: mean difference between the row and what it is held against, in percentage points, or an analysis's one
            number, in its unit; None without runs, and where an analysis has a number for each layer.
        low: lower end of its 95 % t-interval.
        high: upper end.
        n: pairs of runs; of an analysis, networks.
        command: what shows it, or would settle it.
        cost: what settling it takes, as published where `command` makes smaller runs; empty where it is settled.
    """

    claim: Claim
    status: Status
    finding: str
    effect: float | None = None
    low: float | None = None
    high: float | None = None
    n: int = 0
    command: str = ""
    cost: str = ""

    def to_dict(self) -> dict[str, Any]:
        """The claim's fields and the others, as JSON holds them; where a difference has to lie is always among them."""
        judged = {name: getattr(self, name) for name in ("status", "finding", "effect", "low", "high", "n")}
        asked = self.claim.model_dump(mode="json", exclude_defaults=True)
        if self.claim.entry:
            asked["holds"] = self.claim.holds
        if self.claim.shows:
            asked["shows"] = self.claim.shows.model_dump(mode="json")
        return {
            **asked,
            **judged,
            "command": self.command,
            "cost": self.cost,
        }


def judge_claims(
    results: Path | str,
    analyses: Mapping[str, Sequence[Section]] | None = None,
    costs: Mapping[str, str] | None = None,
) -> list[Judged]:
    """Judge every claim of the four papers by the results in a folder.

    A claim about experiments is *reproduced* if the 95 % interval of the difference, paired by seed, lies wholly on
    the claimed side of zero in runs as published, and *contradicted* if it lies wholly on the other. "Level" is
    reproduced if the 90 % interval lies within the experiment's margin, and contradicted if the 95 % interval does not
    touch it. Otherwise it stays open. Runs of a smaller size, and of an experiment of ours that was made to decide the
    claim, are named as such, and settle nothing. The latter speak against a claim also if their interval leaves out
    half of the published difference and all beyond. So do analyses of small networks: they are for a claim if the
    interval of every layer lies where the claim has it, and against it if that of any lies on the other side.

    Args:
        results: folder that holds the runs of all experiments, such as `results`; those with the kernels in C++ may lie
            in a folder `cpu-fused` in it.
        analyses: what the analyses of entries show, by the name of the entry; none leaves claims about them open.
        costs: what the published size of an experiment takes, by its name.

    Raises:
        StoreError: a folder of results is damaged.
    """
    judge = _Judge(Path(results), analyses or {}, costs or {})
    return [judge(claim) for paper in PAPERS for claim in load_claims(paper)]


Runs = Mapping[tuple[str, str], Sequence[Result | None]]
"""The runs of each row and column, one per seed; None where one was not run."""

GALLERY = "pocket"
"""The preset of the networks in the gallery."""

PUBLISHED = "paper"
"""The preset of the published size."""

SEEDS = 3
"""How many of an entry of single runs are asked for, since one has no interval."""

_SETTLED: Mapping[Bearing, Status] = {"for": "reproduced", "against": "contradicted", "undecided": "open"}


class _Judge:
    def __init__(self, results: Path, analyses: Mapping[str, Sequence[Section]], costs: Mapping[str, str]) -> None:
        self.results, self.analyses, self.costs = results, analyses, costs
        # Several claims look at one table.
        self.read = functools.cache(self._read)

    def __call__(self, claim: Claim) -> Judged:
        if claim.tests:
            settled: Status = "contradicted" if claim.bears == "against" else "reproduced"
            told = _noted("checked by a test", claim.note)
            return Judged(claim, settled, told, command=f"pytest {' '.join(claim.tests)}")
        if claim.shows:
            return self._by_analysis(claim, claim.shows)
        for comparison, size in _sources(claim):
            for folder in result_folders(self.results):
                selection, runs = self.read(comparison.entry, size, folder)
                found = _difference(comparison, selection, runs)
                if found is not None:
                    return self._by_runs(claim, comparison, selection, *found)
        return Judged(claim, "open", "not run", command=_command(claim.entry, PUBLISHED), cost=self._cost(claim.entry))

    def _read(self, entry: str, size: str, folder: Path) -> tuple[Selection, Runs]:
        selection = select(entry, preset=size, results=folder, seeds=_more_than_one(entry, size))
        return selection, results_by_cell(selection.outcomes())

    def _by_analysis(self, claim: Claim, shows: Shown) -> Judged:
        size, sections = self._analysed(claim.analysis)
        entries = find_entries(sections, shows)
        cost = self._cost(claim.analysis)
        if not entries:
            return Judged(claim, "open", "not run", command=_command(claim.analysis, PUBLISHED), cost=cost)
        facts: dict[str, Any] = {"n": min(entry.n for entry in entries)}
        if len(entries) == 1:
            facts |= {"effect": entries[0].mean, "low": entries[0].low, "high": entries[0].high}
        bearing, told = judge_entries(entries, shows), describe_entries(entries, shows)
        command = _command(claim.analysis, size)
        if registry.get(claim.analysis).preset(size).comparable:
            return Judged(claim, _SETTLED[bearing], _noted(told, claim.note), **facts, command=command)
        data = _other_data(claim.analysis, "", registry.get(claim.analysis).cells(size, seeds=1))
        told = _noted(f"{_leaning(bearing)}: {told}{data}", claim.note)
        cost = f"as published, {cost}" if cost else ""
        return Judged(claim, "at small scale only", told, **facts, command=command, cost=cost)

    def _analysed(self, entry: str) -> tuple[str, Sequence[Section]]:
        """What was seen inside the networks of an entry, and their preset.

        Beside results as published, else as given, else beside smaller results.
        """
        presets = registry.get(entry).presets
        for size in sorted(
            (size for size in presets if size != "smoke"), key=lambda size: not presets[size].comparable
        ):
            if entry in self.analyses and not presets[size].comparable:
                break
            if (sections := self._beside(entry, size)) is not None:
                return size, sections
        return GALLERY, self.analyses.get(entry, ())

    def _beside(self, entry: str, size: str) -> Sequence[Section] | None:
        folders = result_folders(self.results)
        seeds = _more_than_one(entry, size)
        found = (read_analysis(select(entry, preset=size, results=folder, seeds=seeds)) for folder in folders)
        return next((sections for sections in found if sections is not None), None)

    def _by_runs(
        self, claim: Claim, made: Comparison, selection: Selection, other: str, difference: PairedDifference
    ) -> Judged:
        experiment = selection.experiment
        bearing = _bearing(claim, difference, experiment.margin)
        told = (
            f"{made.row} − {other}: {_points(difference.difference)} "
            f"[{_points(difference.low)}, {_points(difference.high)}] points, {plural(difference.n, 'pair')}"
        )
        if claim.holds == "level":
            told += f", for a margin of {experiment.margin:g}"
        if made.metric:
            told += f", {METRICS[made.metric]}"
        command = selection.command("run")
        if selection.results != self.results:
            told += f", with the kernels {FASTER}"
            command += f" --kernels {FASTER}"
        facts: dict[str, Any] = {
            "effect": difference.difference,
            "low": difference.low,
            "high": difference.high,
            "n": difference.n,
        }
        if experiment.preset(selection.preset).comparable:
            settled = _SETTLED[bearing]
            cost = "" if bearing != "undecided" else _more_seeds(claim, difference, experiment.margin)
            return Judged(claim, settled, _noted(told, claim.note), **facts, command=command, cost=cost)
        told += _other_data(claim.entry, claim.column, [cell for cell in selection.cells if cell.column == made.column])
        power = experiment.power
        if bearing == "undecided" and power and claim.holds != "level":
            reached = difference.high if claim.holds == "above" else -difference.low
            printed = _printed_difference(claim) or power.effect
            if reached < printed / 2:
                bearing = "against"
                told += f"; half of the published {printed:.2f} points lies outside"
        told = _noted(f"{_leaning(bearing)}: {told}", made.note if isinstance(made, Decision) else "", claim.note)
        # The command is of the small runs, the cost of those that would settle it.
        published = any(preset.comparable for preset in registry.get(claim.entry).presets.values())
        cost = f"as published, {self._cost(claim.entry)}" if published and self._cost(claim.entry) else ""
        return Judged(claim, "at small scale only", told, **facts, command=command, cost=cost)

    def _cost(self, entry: str) -> str:
        """What the published size of an entry takes, or, where that is one run of each kind, what each seed takes."""
        told = self.costs.get(entry) or registry.get(entry).gpu
        if not told or not _is_single(entry, PUBLISHED):
            return told
        if _more_than_one(entry, PUBLISHED) is None:
            return f"{told}; that is a single network, which has no interval"
        return f"{told}, per seed"


def _is_single(entry: str, size: str) -> bool:
    """Whether an entry has, as published, one run of each kind that is trained."""
    experiment = registry.get(entry)
    preset = experiment.presets.get(size)
    return preset is not None and preset.comparable and preset.seeds == 1


def _more_than_one(entry: str, size: str) -> int | None:
    """How many seeds an interval takes; None where the preset has several, or where all start from the same weights."""
    if not _is_single(entry, size) or any(cell.trial.pretrained for cell in registry.get(entry).cells(size)):
        return None
    return SEEDS


def _other_data(entry: str, column: str, cells: Iterable[Cell]) -> str:
    """On which data runs were made, if those are not among an entry's own as published."""
    experiment = registry.get(entry)
    if PUBLISHED not in experiment.presets:
        return ""
    asked = experiment.cells(PUBLISHED, seeds=1)
    published = {cell.trial.dataset for cell in asked if not column or cell.column == column}
    found = sorted({cell.trial.dataset for cell in cells} - published)
    return f", on {' and '.join(found)}" if found else ""


def _command(entry: str, size: str) -> str:
    seeds = _more_than_one(entry, size)
    return f"rectifiers run {entry} --preset {size}" + (f" --seeds {seeds}" if seeds else "")


def _sources(claim: Claim) -> Iterator[tuple[Comparison, str]]:
    """Where an answer may be, the better source first: comparisons and sizes.

    The paper's entry as published; then what was made to decide the claim, with the power to; then smaller sizes.
    """
    presets = registry.get(claim.entry).presets
    yield from ((claim.comparison, size) for size, preset in presets.items() if preset.comparable)
    if claim.decide is not None:
        yield from ((claim.decide, size) for size in registry.get(claim.decide.entry).presets if size != "smoke")
    smaller = (size for size, preset in reversed([*presets.items()]) if not preset.comparable and size != "smoke")
    yield from ((claim.comparison, size) for size in smaller)


def _difference(made: Comparison, selection: Selection, runs: Runs) -> tuple[str, PairedDifference] | None:
    """The row against the best of those that it is held against; None until both have two runs or more.

    A row is ahead of several only if every interval says so: where it is ahead of the best of them, but not surely of
    another, that other is taken.
    """
    experiment = selection.experiment
    column = next(column for column in experiment.columns if column.label == made.column)
    metric = made.metric or getattr(column, "metric", None) or experiment.metric

    def values(row: str) -> dict[int, float]:
        done = [result for result in runs.get((row, made.column), ()) if result is not None]
        return {result.trial.seed: result.value(metric) for result in done}

    mine = values(made.row)
    ours = [row.label for row in experiment.rows]
    rows = ours if ALL in made.over else made.over
    others = {row: found for row in rows if row != made.row and (found := values(row))}
    if experiment.published and not made.metric and experiment.preset(selection.preset).comparable:
        printed = {row: experiment.published.ours(row, made.column) for row in rows if row not in ours}
        others |= {row: dict.fromkeys(mine, number) for row, number in printed.items() if number is not None}
    compared = {row: compare(mine, found, margin=experiment.margin) for row, found in others.items()}
    ready = {row: one for row, one in compared.items() if one.n > 1}
    # All that it is held against must be there: the best of a few would be another claim.
    if not ready or len(ready) < len(rows) - (made.row in rows):
        return None
    ranked = sorted(ready, key=lambda row: ready[row].difference)
    best = ranked[0]
    told = next((row for row in ranked if ready[row].low <= 0), best)
    of_several = "" if len(ready) == 1 else " (the best of the others)" if told == best else " (one of the others)"
    return f"{told}{of_several}", ready[told]


def _printed_difference(claim: Claim) -> float | None:
    """How far the row is from the nearest of those that it is held against, as printed; None without numbers."""
    published = None if claim.metric else registry.get(claim.entry).published
    mine = published.ours(claim.row, claim.column) if published else None
    if published is None or mine is None:
        return None
    rows = {row for row, column in published.cells if column == claim.column} if ALL in claim.over else {*claim.over}
    others = (published.ours(row, claim.column) for row in rows - {claim.row})
    return min((abs(mine - other) for other in others if other is not None), default=None)


def _noted(told: str, *notes: str) -> str:
    """What was found, with what a reader has to know about it."""
    return "; ".join([told, *filter(None, notes)])


def _bearing(claim: Claim, found: PairedDifference, margin: float) -> Bearing:
    if claim.holds == "level":
        if found.equivalent:
            return "for"
        return "against" if found.low > margin or found.high < -margin else "undecided"
    above, below = found.low > 0, found.high < 0
    if not above and not below:
        return "undecided"
    return "for" if above == (claim.holds == "above") else "against"


def _more_seeds(claim: Claim, found: PairedDifference, margin: float) -> str:
    """How many pairs would find a difference as large as the one that was seen."""
    target = margin if claim.holds == "level" else abs(found.difference)
    if not target or not math.isfinite(found.detectable):
        return "more seeds"
    needed = max(found.n + 1, math.ceil(found.n * (found.detectable / target) ** 2))
    return (
        f"about {needed:,} seeds would resolve a difference of {target:.2g} points"
        if needed < 10_000
        else "out of reach"
    )


def _leaning(bearing: Bearing) -> str:
    return {"for": "for it", "against": "against it"}.get(bearing, "undecided")


def _points(value: float) -> str:
    return f"{value:+.2f}".replace("-", "−")
