"""The computed table: what the runs of an experiment say, cell by cell, beside what the paper prints."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import fmean

from ..experiments.experiment import Aggregate, Cell, Experiment, Lead, Preset
from ..experiments.result import COUNTS, Metric, Result
from ..experiments.statistics import PairedDifference, Summary, compare_family, summarise
from ..experiments.trial import Trial

Outcomes = Sequence[tuple[Cell, Result | None]]
"""The trials of a preset, each with its result; None where it was not run yet."""


@dataclass(frozen=True)
class TableCell:
    """One cell of the table: all seeds of one row under one column. Accuracies are in percent.

    Args:
        row: label of the row.
        column: label of the column.
        metric: which number of each run it shows.
        aggregate: how it combines the seeds.
        value: mean or best over the finished seeds; NaN where none finished.
        summary: statistics of the finished seeds, and how many diverged.
        planned: how many seeds the preset asks for.
        missing: how many of them were not run.
        published: the paper's number, errors turned into accuracies; None where it prints none.
        difference: `value` minus the paper's, in percentage points except for counts; None where they are not
            comparable.
        outside: whether the paper's number lies outside our interval of the mean; None where that is meaningless.
        comparison: paired comparison with the baseline in the same column; None for the baseline itself, where no seed
            finished in both, and in an excerpt of a table that judges.
        activation_parameters: learnable numbers of the activations in the whole network; None if not run.
        seconds: mean time of one epoch of training; NaN if not run.
        values: the number of each finished seed.
    """

    row: str
    column: str
    metric: Metric
    aggregate: Aggregate
    value: float
    summary: Summary
    planned: int
    missing: int
    published: float | None
    difference: float | None
    outside: bool | None
    comparison: PairedDifference | None
    activation_parameters: int | None
    seconds: float
    values: Mapping[int, float]

    @property
    def is_count(self) -> bool:
        """Whether it shows a count, which no training changes and of which more is not better."""
        return self.metric in COUNTS

    @property
    def state(self) -> str:
        """Why there is no value, or what the value lacks, in words; empty where all seeds finished."""
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
class LeadValue:
    """A lead in one column: in percentage points, from the values that the cells show, or relative, seed by seed.

    Args:
        lead: which row is compared with which others.
        column: label of the column.
        value: ours; NaN where a cell that it needs has no value.
        lacking: the first such cell; None where all have one.
        published: the paper's number, as printed; None where it prints none or the preset is not comparable.
        low: lower end of the 95 % t-interval of a relative lead; NaN where there is none.
        high: its upper end.
    """

    lead: Lead
    column: str
    value: float
    lacking: TableCell | None
    published: float | None
    low: float = math.nan
    high: float = math.nan


@dataclass(frozen=True)
class Table:
    """An experiment's results in one preset.

    Args:
        experiment: what was run.
        preset: in which size.
        rows: labels of the rows, in the experiment's order.
        columns: labels of the columns, in the experiment's order.
        cells: the cells by (row, column).
        trained_columns: the columns for which something was trained that no column before them shows.
        untrained: how many runs there are that train nothing but test a network as it is, and how many are planned.
    """

    experiment: Experiment
    preset: str
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    cells: Mapping[tuple[str, str], TableCell]
    trained_columns: tuple[str, ...]
    untrained: tuple[int, int]

    @property
    def accuracy_columns(self) -> tuple[str, ...]:
        """The columns that show results of training, not counts."""
        return tuple(column for column in self.columns if not self.column(column)[0].is_count)

    @property
    def size(self) -> Preset:
        """The preset's definition."""
        return self.experiment.preset(self.preset)

    @property
    def trained_cells(self) -> list[TableCell]:
        """The cells of the columns for which something was trained."""
        return [cell for (_, column), cell in self.cells.items() if column in self.trained_columns]

    @property
    def planned(self) -> int:
        """How many runs the preset asks for; columns that are metrics of the same runs share them."""
        return sum(cell.planned for cell in self.trained_cells)

    @property
    def missing(self) -> int:
        """How many of them are missing."""
        return sum(cell.missing for cell in self.trained_cells)

    @property
    def diverged(self) -> int:
        """How many of them diverged."""
        return sum(cell.summary.diverged for cell in self.trained_cells)

    @cached_property  # pages ask for it at each cell
    def has_published_numbers(self) -> bool:
        """Whether the paper prints a number for any cell."""
        return any(cell.published is not None for cell in self.cells.values())

    @property
    def beside_paper(self) -> bool:
        """Whether published numbers stand beside ours: there are some, and the preset follows the paper."""
        return self.has_published_numbers and self.size.comparable

    @property
    def judgements(self) -> int:
        """In how many cells the paper's number was compared with our interval."""
        return sum(cell.outside is not None for cell in self.cells.values())

    @property
    def agreements(self) -> int:
        """In how many of these cells it lies inside."""
        return sum(cell.outside is False for cell in self.cells.values())

    @property
    def leads(self) -> list[Lead]:
        """The experiment's leads, without those that need a row which the preset leaves out."""
        return [lead for lead in self.experiment.leads if {lead.row, *lead.over} <= set(self.rows)]

    def lead_value(self, lead: Lead, column: str) -> LeadValue:
        """Compute one of the leads in one column."""
        cells = [self.cells[row, column] for row in (lead.row, *lead.over)]
        lacking = next((cell for cell in cells if math.isnan(cell.value)), None)
        leading, *others = (cell.value for cell in cells)
        published = self.experiment.published if self.size.comparable else None
        printed = published.derived.get((lead.label, column)) if published else None
        if lead.relative and not lacking:
            found = _error_decrease(*cells)
            return LeadValue(lead, column, found.mean, lacking, printed, found.low, found.high)
        return LeadValue(lead, column, math.nan if lacking else leading - max(others), lacking, printed)

    def blocks(self, most: int) -> Iterator[tuple[str, ...]]:
        """Split the columns into groups of even size, with at most `most` in a group."""
        if self.columns:
            size = math.ceil(len(self.columns) / math.ceil(len(self.columns) / most))
            for start in range(0, len(self.columns), size):
                yield self.columns[start : start + size]

    def column(self, label: str) -> list[TableCell]:
        """The cells of one column, in the order of the rows."""
        return [self.cells[row, label] for row in self.rows]

    def winner(self, column: str) -> str | None:
        """Label of the row with the highest value in a column; None where nothing finished, and for counts."""
        finished = [cell for cell in self.column(column) if not (cell.is_count or math.isnan(cell.value))]
        return max(finished, key=lambda cell: cell.value).row if finished else None


def build(experiment: Experiment, preset: str, outcomes: Outcomes) -> Table:
    """Compute the table of an experiment.

    Args:
        experiment: what was run.
        preset: name of the preset.
        outcomes: its trials, each with its result or None.

    Returns:
        A table with a cell for every row and column that `outcomes` names.

    Raises:
        UnknownNameError: the experiment has no such preset.
    """
    comparable = experiment.preset(preset).comparable
    arms = {arm.label: arm for arm in experiment.columns}
    grouped = results_by_cell(outcomes)
    present = {row for row, _ in grouped}, {column for _, column in grouped}
    rows = tuple(arm.label for arm in experiment.rows if arm.label in present[0])
    columns = tuple(arm.label for arm in experiment.columns if arm.label in present[1])
    cells: dict[tuple[str, str], TableCell] = {}
    for column in columns:
        metric, aggregate = experiment.metric_of(arms[column]), experiment.aggregate_of(arms[column])
        values = {row: _values(metric, grouped.get((row, column), ())) for row in rows}
        comparisons: Mapping[str, PairedDifference] = {}
        if metric not in COUNTS and values.get(experiment.baseline) and not experiment.judge_of(arms[column]):
            comparisons = compare_family(values, experiment.baseline, experiment.margin)
        for row in rows:
            results, comparison = grouped.get((row, column), ()), comparisons.get(row)
            paired = comparison if comparison and comparison.n else None
            printed = experiment.published.ours(row, column) if experiment.published else None
            cells[row, column] = _table_cell(
                row, column, metric, aggregate, results, values[row], printed, comparable, paired
            )
    tested = {column for (_, column), cell in cells.items() if not cell.is_count}
    untrained = {cell.trial: result for cell, result in outcomes if cell.column in tested and not cell.trial.epochs}
    there = sum(result is not None for result in untrained.values())
    trained_columns = _trained_columns(outcomes, columns)
    return Table(experiment, preset, rows, columns, cells, trained_columns, (there, len(untrained)))


def _trained_columns(outcomes: Outcomes, columns: Sequence[str]) -> tuple[str, ...]:
    """Pick the columns that have runs of their own, in order."""
    seen: set[Trial] = set()
    chosen = []
    for column in columns:
        trials = {cell.trial for cell, _ in outcomes if cell.column == column and cell.trial.epochs}
        if trials - seen:
            chosen.append(column)
        seen |= trials
    return tuple(chosen)


def results_by_cell(outcomes: Outcomes) -> dict[tuple[str, str], list[Result | None]]:
    """Group results by (row, column), in the order in which they came."""
    grouped: dict[tuple[str, str], list[Result | None]] = {}
    for cell, result in outcomes:
        grouped.setdefault((cell.row, cell.column), []).append(result)
    return grouped


def finished_results(results: Iterable[Result | None]) -> list[Result]:
    """Pick the results of runs that did not diverge."""
    return [result for result in results if result is not None and result.status == "done"]


def _error_decrease(better: TableCell, other: TableCell) -> Summary:
    """By how many percent of another row's error a row's is smaller, over the seeds that finished in both."""
    pairs = [(better.values[seed], other.values[seed]) for seed in better.values if seed in other.values]
    return summarise([100 * (mine - theirs) / (100 - theirs) for mine, theirs in pairs if theirs < 100])


def _values(metric: Metric, results: Sequence[Result | None]) -> dict[int, float]:
    """Map each finished seed to its number."""
    measured = {result.trial.seed: result.value(metric) for result in results if result is not None}
    return {seed: value for seed, value in measured.items() if math.isfinite(value)}


def _table_cell(
    row: str,
    column: str,
    metric: Metric,
    aggregate: Aggregate,
    results: Sequence[Result | None],
    values: Mapping[int, float],
    published: float | None,
    comparable: bool,
    comparison: PairedDifference | None,
) -> TableCell:
    available = [result for result in results if result is not None]
    summary = summarise(tuple(values.values()), diverged=sum(result.status == "diverged" for result in available))
    value = summary.best if aggregate == "best" else summary.mean
    difference = outside = None
    if comparable and published is not None and summary.n:
        difference = value - published
        # An interval of the mean says nothing about the best of several runs, and counts have none.
        if aggregate == "mean" and metric not in COUNTS and summary.n > 1:
            outside = not summary.low <= published <= summary.high
    times = [epoch.train_seconds for result in available for epoch in result.epochs]
    return TableCell(
        row=row,
        column=column,
        metric=metric,
        aggregate=aggregate,
        value=value,
        summary=summary,
        planned=len(results),
        missing=len(results) - len(available),
        published=published,
        difference=difference,
        outside=outside,
        comparison=comparison,
        activation_parameters=available[0].activation_parameters if available else None,
        seconds=fmean(times) if times else math.nan,
        values=values,
    )
