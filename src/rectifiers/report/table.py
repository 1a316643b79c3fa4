"""The computed table: what the runs of an experiment say, cell by cell, beside what the paper prints."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from ..experiments.experiment import Cell, Experiment, Lead, Preset
from ..experiments.result import Result
from ..experiments.statistics import Comparison, Summary, compare_family, summarise

Outcomes = Sequence[tuple[Cell, Result | None]]
"""The trials of a preset, each with its result; None where it was not run yet."""


@dataclass(frozen=True)
class Entry:
    """One cell of the table: all seeds of one row under one column. Accuracies in percent.

    Args:
        row: label of the row.
        column: label of the column.
        value: mean or best over the finished seeds, as the experiment says; NaN without any.
        summary: statistics of the finished seeds, and how many diverged.
        planned: how many seeds the preset asks for.
        missing: how many of them were not run.
        published: the paper's number, errors turned into accuracies; None where it prints none.
        difference: `value` minus the paper's, in percentage points; None where the two are not comparable.
        outside: whether the paper's number lies outside our interval of the mean; None where that says nothing.
        comparison: paired comparison with the baseline in the same column; None for the baseline itself, and where
            no seed finished in both.
        activation_parameters: learnable numbers of the activations in the whole network; None if not run.
        seconds: mean time of one epoch of training; NaN if not run.
    """

    row: str
    column: str
    value: float
    summary: Summary
    planned: int
    missing: int
    published: float | None
    difference: float | None
    outside: bool | None
    comparison: Comparison | None
    activation_parameters: int | None
    seconds: float

    @property
    def state(self) -> str:
        """Why there is no value, or what the value lacks, in words; empty when all seeds finished."""
        if self.missing == self.planned:
            return "not run"
        parts = []
        if self.summary.diverged:
            parts.append(f"{self.summary.diverged} of {self.planned} diverged")
        if self.missing:
            parts.append(f"{self.missing} of {self.planned} not run")
        if not self.summary.n and self.summary.diverged + self.missing < self.planned:
            parts.append("no data for this metric")
        return ", ".join(parts)


@dataclass(frozen=True)
class Gap:
    """A lead in one column, from the values that the cells show. In percentage points.

    Args:
        lead: what is held against what.
        column: label of the column.
        value: ours; NaN where a cell that it needs has no value.
        lacking: the first such cell; None when all have one.
        published: the paper's number, as printed; None where it prints none or the preset is not comparable.
    """

    lead: Lead
    column: str
    value: float
    lacking: Entry | None
    published: float | None


@dataclass(frozen=True)
class Table:
    """An experiment's results in one preset.

    Args:
        experiment: what was run.
        preset: in which size.
        rows: labels, in the experiment's order.
        columns: likewise.
        entries: the cells by (row, column).
    """

    experiment: Experiment
    preset: str
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    entries: Mapping[tuple[str, str], Entry]

    @property
    def size(self) -> Preset:
        """The preset's definition."""
        return self.experiment.preset(self.preset)

    @property
    def planned(self) -> int:
        """How many trainings the preset asks for."""
        return sum(entry.planned for entry in self.entries.values())

    @property
    def missing(self) -> int:
        """How many of them were not run."""
        return sum(entry.missing for entry in self.entries.values())

    @property
    def diverged(self) -> int:
        """How many diverged."""
        return sum(entry.summary.diverged for entry in self.entries.values())

    @property
    def published(self) -> bool:
        """Whether the paper prints a number for any cell."""
        return any(entry.published is not None for entry in self.entries.values())

    @property
    def beside_paper(self) -> bool:
        """Whether published numbers stand beside ours: there are some, and the preset follows the paper."""
        return self.published and self.size.comparable

    @property
    def judged(self) -> int:
        """For how many cells the paper's number was held against our interval."""
        return sum(entry.outside is not None for entry in self.entries.values())

    @property
    def agreeing(self) -> int:
        """In how many of them it lies inside."""
        return sum(entry.outside is False for entry in self.entries.values())

    @property
    def leads(self) -> list[Lead]:
        """The experiment's leads; without those that need a row which the preset leaves out."""
        return [lead for lead in self.experiment.leads if {lead.row, *lead.over} <= set(self.rows)]

    def gap(self, lead: Lead, column: str) -> Gap:
        """One of the leads in one column."""
        entries = [self.entries[row, column] for row in (lead.row, *lead.over)]
        lacking = next((entry for entry in entries if math.isnan(entry.value)), None)
        leading, *others = (entry.value for entry in entries)
        published = self.experiment.published if self.size.comparable else None
        return Gap(
            lead=lead,
            column=column,
            value=math.nan if lacking else leading - max(others),
            lacking=lacking,
            published=published.derived.get((lead.label, column)) if published else None,
        )

    def blocks(self, most: int) -> Iterator[tuple[str, ...]]:
        """The columns in groups of even size, with at most `most` to a group."""
        if self.columns:
            size = math.ceil(len(self.columns) / math.ceil(len(self.columns) / most))
            for start in range(0, len(self.columns), size):
                yield self.columns[start : start + size]

    def column(self, label: str) -> list[Entry]:
        """The cells of one column, in the order of the rows."""
        return [self.entries[row, label] for row in self.rows]

    def winner(self, column: str) -> str | None:
        """Label of the row with the highest value in a column; None when nothing finished."""
        finished = [entry for entry in self.column(column) if not math.isnan(entry.value)]
        return max(finished, key=lambda entry: entry.value).row if finished else None


def build(experiment: Experiment, preset: str, outcomes: Outcomes) -> Table:
    """Compute the table.

    Args:
        experiment: what was run.
        preset: name of the size.
        outcomes: its trials, each with its result or None.

    Returns:
        A table with an entry for every row and column that `outcomes` names.

    Raises:
        UnknownNameError: the experiment has no such preset.
    """
    comparable = experiment.preset(preset).comparable
    grouped = by_cell(outcomes)
    present = {row for row, _ in grouped}, {column for _, column in grouped}
    rows = tuple(arm.label for arm in experiment.rows if arm.label in present[0])
    columns = tuple(arm.label for arm in experiment.columns if arm.label in present[1])
    entries: dict[tuple[str, str], Entry] = {}
    for column in columns:
        values = {row: _values(experiment, grouped.get((row, column), ())) for row in rows}
        comparisons: Mapping[str, Comparison] = {}
        if values.get(experiment.baseline):
            comparisons = compare_family(values, experiment.baseline, experiment.margin)
        for row in rows:
            results, comparison = grouped.get((row, column), ()), comparisons.get(row)
            paired = comparison if comparison and comparison.n else None
            entries[row, column] = _entry(
                experiment, comparable, row, column, results, tuple(values[row].values()), paired
            )
    return Table(experiment, preset, rows, columns, entries)


def by_cell(outcomes: Outcomes) -> dict[tuple[str, str], list[Result | None]]:
    """Results by (row, column), in the order in which they came."""
    grouped: dict[tuple[str, str], list[Result | None]] = {}
    for cell, result in outcomes:
        grouped.setdefault((cell.row, cell.column), []).append(result)
    return grouped


def _values(experiment: Experiment, results: Sequence[Result | None]) -> dict[int, float]:
    """The finished accuracies by seed."""
    measured = {result.trial.seed: result.value(experiment.metric) for result in results if result is not None}
    return {seed: value for seed, value in measured.items() if math.isfinite(value)}


def _entry(
    experiment: Experiment,
    comparable: bool,
    row: str,
    column: str,
    results: Sequence[Result | None],
    values: Sequence[float],
    comparison: Comparison | None,
) -> Entry:
    run = [result for result in results if result is not None]
    summary = summarise(values, diverged=sum(result.status == "diverged" for result in run))
    value = summary.best if experiment.aggregate == "best" else summary.mean
    published = experiment.published.accuracy(row, column) if experiment.published else None
    difference = outside = None
    if comparable and published is not None and summary.n:
        difference = value - published
        # An interval of the mean says nothing about the best of several runs.
        if experiment.aggregate == "mean" and summary.n > 1:
            outside = not summary.low <= published <= summary.high
    times = [epoch.train_seconds for result in run for epoch in result.epochs]
    return Entry(
        row=row,
        column=column,
        value=value,
        summary=summary,
        planned=len(results),
        missing=len(results) - len(run),
        published=published,
        difference=difference,
        outside=outside,
        comparison=comparison,
        activation_parameters=run[0].activation_parameters if run else None,
        seconds=fmean(times) if times else math.nan,
    )
