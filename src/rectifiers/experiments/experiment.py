"""An experiment: a grid of trials, the protocol they share, and the published numbers they stand beside."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from itertools import zip_longest
from typing import Any, Literal, overload

from .. import datasets, networks
from ..core.errors import ConfigError, UnknownNameError
from .identity import identify
from .power import Power
from .result import COUNTS, METRICS, Metric
from .trial import Trial

Aggregate = Literal["mean", "best"]

MOST_SEEDS = 100_000
"""Of each cell: more are a slip, and to count them alone would take minutes."""


@dataclass(frozen=True)
class Arm:
    """One row or one column of the grid: a label, and the trial fields it sets."""

    label: str
    settings: Mapping[str, Any]


@dataclass(frozen=True)
class Column(Arm):
    """A column that shows something else of its runs than the experiment's other columns.

    Args:
        metric: which number of each run; None takes the experiment's.
        aggregate: what is made of the seeds; None takes the experiment's.
        cells: row → trial fields that it changes in that row alone.
        judged_in: name of the experiment that compares the column's runs with more rows; None takes the experiment's.
    """

    metric: Metric | None = None
    aggregate: Aggregate | None = None
    cells: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    judged_in: str | None = None


def continue_row(arm: Arm, **start: Any) -> Arm:
    """Let the runs of a row, under columns that start from trained weights, start from those of the same function.

    Args:
        arm: the row.
        **start: where what it starts from differs.

    Example:
        >>> continue_row(Arm("ReLU", {"activation": "relu"}), epochs=3).settings["start"]
        {'activation': 'relu', 'epochs': 3}
    """
    return replace(arm, settings={**arm.settings, "start": {**arm.settings, **start}})


@dataclass(frozen=True)
class Preset:
    """A size of the experiment.

    Args:
        note: what it is for and what it is not.
        settings: trial fields it sets, over those of the experiment.
        seeds: how many seeds, counted from 0.
        rows: labels of the rows it runs, with the trial fields it changes in each where it is a mapping; None for all.
        columns: the same of the columns.
        comparable: whether its numbers may stand beside the published ones.
    """

    note: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    seeds: int = 5
    rows: Collection[str] | Mapping[str, Mapping[str, Any]] | None = None
    columns: Collection[str] | Mapping[str, Mapping[str, Any]] | None = None
    comparable: bool = False

    def has(self, row: Arm, column: Arm) -> bool:
        """Whether it runs a cell."""
        return (self.rows is None or row.label in self.rows) and (self.columns is None or column.label in self.columns)

    def changes(self, row: Arm, column: Arm) -> Sequence[Mapping[str, Any]]:
        """The trial fields it sets in a cell, the later over the earlier."""
        chosen = ((self.rows, row), (self.columns, column))
        return (self.settings, *(arms[arm.label] for arms, arm in chosen if isinstance(arms, Mapping)))


@dataclass(frozen=True)
class Lead:
    """A line below the table: by how much one row leads the best of others, column by column.

    Args:
        label: of the line; the paper's numbers for it stand in `PublishedNumbers.derived` under the same label.
        row: label of the row that leads, or falls behind.
        over: labels of the rows whose best it is held against.
        relative: whether it is the decrease of the error in percent of the error of `over`, which is one row then.
    """

    label: str
    row: str
    over: tuple[str, ...]
    relative: bool = False


Quantity = Literal["accuracy", "error", "parameters", "share", "points", "correlation"]


@dataclass(frozen=True)
class PublishedNumbers:
    """A paper's numbers, with their place in the paper.

    Accuracies, errors and shares are in percent, points are of percent, parameters are counts.

    Args:
        source: paper and table.
        cells: (row, column) → the printed number.
        derived: (row, column) → numbers that the paper computes from its cells, as printed.
        notes: where the print contradicts itself.
        uncertainties: (row, column) → what the paper prints after ±.
        absent: (row, column) → why the paper has no number there.
        corrections: (row, column) → what a printed number that contradicts others ought to be.
        quantities: column → what its numbers are.
        parameters: row → learnable numbers per unit, printed beside the row's label.
        stated: what the running text gives a number for → that number.
        says: what the running text says of it without a number.
    """

    source: str
    cells: Mapping[tuple[str, str], float] = field(default_factory=dict)
    derived: Mapping[tuple[str, str], float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    uncertainties: Mapping[tuple[str, str], float] = field(default_factory=dict)
    absent: Mapping[tuple[str, str], str] = field(default_factory=dict)
    corrections: Mapping[tuple[str, str], float] = field(default_factory=dict)
    quantities: Mapping[str, Quantity] = field(default_factory=dict)
    parameters: Mapping[str, int] = field(default_factory=dict)
    stated: Mapping[str, float] = field(default_factory=dict)
    says: tuple[str, ...] = ()

    def get(self, row: str, column: str) -> float | None:
        """The printed number, or None where the paper prints none."""
        return self.cells.get((row, column))

    def ours(self, row: str, column: str) -> float | None:
        """The printed number as our tables show it, errors as accuracies; None where there is none.

        Example:
            >>> numbers = PublishedNumbers("Table 1", {("ReLU", "test"): 9.25}, quantities={"test": "error"})
            >>> numbers.ours("ReLU", "test")
            90.75
        """
        printed = self.get(row, column)
        return 100 - printed if printed is not None and self.quantities.get(column) == "error" else printed


@dataclass(frozen=True, slots=True)
class Cell:
    """One trial in its place."""

    row: str
    column: str
    trial: Trial


@dataclass(frozen=True)
class Series:
    """The trials of one place, a seed each.

    Args:
        first: with seed 0.
        count: how many seeds.
        trials: all of them; None where they are copies of the first with other seeds.
    """

    first: Cell
    count: int
    trials: Sequence[Trial] | None = None

    def cells(self) -> Iterator[Cell]:
        """All of them, in the order of their seeds."""
        yield self.first
        row, column, first = self.first.row, self.first.column, self.first.trial
        if self.trials is not None:
            yield from (Cell(row, column, trial) for trial in self.trials[1:])
        elif self.count > 1:
            # To check each of ten thousand trials would take seconds, and so would their ids.
            id_of = first.ids_by_seed()
            for seed in range(1, self.count):
                yield Cell(row, column, first.with_seed(seed, id_of(seed)))


class Cells(Sequence[Cell]):
    """The cells of an experiment, seed by seed; made when one is looked at, for there may be a hundred thousand.

    Args:
        series: of each place.
    """

    def __init__(self, series: Sequence[Series]) -> None:
        self.series = series

    @cached_property
    def _all(self) -> list[Cell]:
        rounds = zip_longest(*(one.cells() for one in self.series))
        return [cell for cells in rounds for cell in cells if cell is not None]

    @overload
    def __getitem__(self, place: int) -> Cell: ...

    @overload
    def __getitem__(self, place: slice) -> Sequence[Cell]: ...

    def __getitem__(self, place: int | slice) -> Cell | Sequence[Cell]:
        return self._all[place]

    def __iter__(self) -> Iterator[Cell]:
        return iter(self._all)

    def __len__(self) -> int:
        return sum(one.count for one in self.series)

    def kinds(self) -> dict[Trial, int] | None:
        """The first trial of each kind that differs in its seeds alone, and how many there are of it.

        None where trials differ otherwise, or need others.
        """
        if any(one.trials is not None or one.first.trial.ancestors for one in self.series):
            return None
        # Columns that are metrics of the same runs share them.
        return {one.first.trial: one.count for one in self.series}


@dataclass(frozen=True)
class Experiment:
    """A table or figure of a paper, or a comparison of the user's own.

    Args:
        name: "paper/table", or a plain name.
        title: what it shows, in one line.
        paper: citation; empty for experiments of your own.
        settings: trial fields that all trials share.
        rows: what is compared; usually the activations.
        columns: under which conditions.
        presets: sizes by name: smoke, pocket, paper.
        metric: which number of a run its cells show, where a column does not say.
        aggregate: what is made of the seeds: their mean or the best of them.
        baseline: label of the row that the others are paired with.
        margin: difference in percentage points below which two rows count as equivalent.
        judged_in: name of the experiment that this one is an excerpt of: it compares the same runs in a larger family,
            and the verdicts stand there alone, so that a run has one. Empty for an experiment that judges its own.
        published: the paper's numbers.
        leads: lines below the table that follow from its cells.
        deviations: where our protocol is known to differ from the paper's, or the paper is silent.
        runs: name under which the runs are kept; experiments that read the same runs share it.
        figures: pictures the report draws besides the table: "curves", "losses", "shapes", "traces".
        analysis: what the report makes of the trained networks, by its name in `report.analyses`; their weights are
            kept for it. Empty for nothing.
        power: what it must be able to see, where that was calculated before it ran.
        gpu: why the preset that follows the paper is more than a CPU does in days; empty where it is not.
    """

    name: str
    title: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    rows: tuple[Arm, ...] = ()
    columns: tuple[Arm, ...] = ()
    presets: Mapping[str, Preset] = field(default_factory=dict)
    metric: Metric = "final_epoch"
    aggregate: Aggregate = "mean"
    baseline: str = "ReLU"
    margin: float = 0.5
    judged_in: str = ""
    paper: str = ""
    published: PublishedNumbers | None = None
    leads: tuple[Lead, ...] = ()
    deviations: tuple[str, ...] = ()
    runs: str = ""
    figures: tuple[str, ...] = ("curves", "shapes")
    analysis: str = ""
    power: Power | None = None
    gpu: str = ""

    def __post_init__(self) -> None:
        for metric in (self.metric, *(self.metric_of(column) for column in self.columns)):
            if metric not in METRICS:
                raise UnknownNameError("metric", metric, METRICS)
        for kind, arms in (("row", self.rows), ("column", self.columns)):
            labels = [arm.label for arm in arms]
            if not labels or len(set(labels)) != len(labels):
                raise ConfigError(f"experiment {self.name!r}: {kind} labels must be present and distinct, got {labels}")
        known = [arm.label for arm in self.rows]
        for lead in self.leads:
            if not lead.over:
                raise ConfigError(f"experiment {self.name!r}: {lead.label!r} needs a row to lead over, got none")
            if lead.relative and len(lead.over) > 1:
                raise ConfigError(
                    f"experiment {self.name!r}: {lead.label!r} is relative to the error of one row, got {lead.over}"
                )
            for row in (lead.row, *lead.over):
                if row not in known:
                    raise UnknownNameError(f"row of {lead.label!r}", row, known)

    @property
    def folder(self) -> str:
        """Name of the folder below the results root that keeps the runs."""
        return (self.runs or self.name).replace("/", "-")

    def metric_of(self, column: Arm) -> Metric:
        """Which number of a run a column shows."""
        return (column.metric if isinstance(column, Column) else None) or self.metric

    def aggregate_of(self, column: Arm) -> Aggregate:
        """What a column makes of the seeds."""
        return (column.aggregate if isinstance(column, Column) else None) or self.aggregate

    def judge_of(self, column: Arm) -> str:
        """Which experiment compares a column's runs; empty if this one does."""
        return (column.judged_in if isinstance(column, Column) else None) or self.judged_in

    @property
    def counts(self) -> bool:
        """Whether all that it shows can be counted without training."""
        return bool(self.columns) and all(self.metric_of(column) in COUNTS for column in self.columns)

    def uses(self, kind: Literal["network", "dataset"]) -> list[str]:
        """Names of all networks or data sets in its settings."""
        settings = [self.settings, *(arm.settings for arm in (*self.rows, *self.columns))]
        return list(dict.fromkeys(name for fields in settings for name in _names_in(fields, kind)))

    @property
    def lacking(self) -> tuple[str, ...]:
        """What has to be built before it can run: networks and data sets that are not registered.

        In an experiment of your own a name that is not registered is a mistake, not a thing to wait for.
        """
        if not self.paper:
            return ()
        sources = dict.fromkeys(name.partition(":")[0] for name in self.uses("dataset"))
        return (
            *(f"the network {name}" for name in self.uses("network") if not _is_network(name)),
            *(f"the data set {name}" for name in sources if name not in datasets.registry),
        )

    def check_runnable(self) -> None:
        """Make sure that nothing is lacking.

        Raises:
            ConfigError: says what it waits for.
        """
        if self.lacking:
            raise ConfigError(
                f"{self.name} cannot run yet: it waits for {', '.join(self.lacking)}; "
                f"`rectifiers show {self.name}` has the published numbers"
            )

    def preset(self, name: str) -> Preset:
        """The preset called `name`.

        Raises:
            ConfigError: the experiment cannot run yet.
            UnknownNameError: with the nearest names.
        """
        self.check_runnable()
        if name not in self.presets:
            raise UnknownNameError(f"preset of {self.name}", name, self.presets)
        return self.presets[name]

    def cells(self, preset: str, *, seeds: int | None = None, changes: Mapping[str, Any] | None = None) -> Cells:
        """All trials of a preset, seed by seed, so that an interrupted sweep has something of every cell.

        Args:
            preset: size.
            seeds: how many seeds instead of the preset's.
            changes: trial fields that override everything else; what comes out is no longer the experiment as defined.

        Raises:
            ConfigError: there are no seeds or too many, a setting is outside its domain, or the experiment cannot run
                yet.
        """
        size = self.preset(preset)
        count = size.seeds if seeds is None else seeds
        if count < 1:
            raise ConfigError(f"seeds must be at least 1, got {count}")
        if count > MOST_SEEDS:
            raise ConfigError(f"seeds must be at most {MOST_SEEDS:,}, got {count:,}; a few, such as 5, are usual")
        digest = cache(datasets.digest_files)

        def make(row: Arm, column: Arm, seed: int) -> Trial:
            return identify(Trial.create(**self._fields(row, column, size, changes or {}, seed)), digest)

        models = [
            (row, column, make(row, column, 0)) for column in self.columns for row in self.rows if size.has(row, column)
        ]
        last = count - 1
        series = []
        for row, column, first in models:
            if first.vote:  # it stands for networks of all seeds
                series.append(Series(Cell(row.label, column.label, first), 1))
            elif last > 1 and _follows(make(row, column, last), first, last):
                series.append(Series(Cell(row.label, column.label, first), count))
            else:
                trials = [first, *(make(row, column, seed) for seed in range(1, count))]
                series.append(Series(Cell(row.label, column.label, first), count, trials))
        return Cells(series)

    def _fields(self, row: Arm, column: Arm, size: Preset, changes: Mapping[str, Any], seed: int) -> dict[str, Any]:
        """The fields of one trial.

        What it starts from shares the settings of the experiment, the column and the preset with it, but not those of
        the row; `start` in any of them says where it differs. A row with `start = None` starts from nothing. What a
        start starts from shares its settings in turn.
        """
        cell = column.cells.get(row.label, {}) if isinstance(column, Column) else {}
        layers = (self.settings, row.settings, column.settings, cell, *size.changes(row, column), changes)
        own = (row.settings, cell, size.rows[row.label] if isinstance(size.rows, Mapping) else {})
        fields = {name: value for layer in layers for name, value in layer.items()} | {"seed": seed}
        given = [layer["start"] for layer in layers if "start" in layer]
        starts = [_table(one) for one in given if one is not None]
        if len(starts) < len(given):
            return fields | {"start": None}
        start = {name: value for one in starts for name, value in one.items()}
        if start:
            shared = {
                name: value for layer in layers if not any(layer is one for one in own) for name, value in layer.items()
            }
            fields["start"] = _start(shared, start, seed)
        return fields


def _follows(last: Trial, first: Trial, seed: int) -> bool:
    """Whether the trial of the last seed is the first one with this seed everywhere, so that those between are, too."""
    lineage = (first, *first.lineage)
    return not any(one.seed or one.vote for one in lineage) and last == first.with_seed(seed)


def _start(shared: Mapping[str, Any], start: Mapping[str, Any], seed: int) -> dict[str, Any]:
    """The fields of what a trial starts from, and of what that starts from."""
    left = ("start", "trained", "adapter")
    fields = {name: value for name, value in shared.items() if name not in left} | {"seed": seed}
    inner = start.get("start")
    own = {**fields, **start}
    return {**own, "start": _start(own, _table(inner), seed)} if inner else own


def _table(start: Any) -> Mapping[str, Any]:
    if not isinstance(start, Mapping):
        raise ConfigError(f"start: expected a table of settings, such as {{epochs = 5}}, got {start!r}")
    return start


def _is_network(name: str) -> bool:
    return networks.is_outside(name) or name in networks.registry


def _names_in(fields: Mapping[str, Any], kind: str) -> Iterator[str]:
    """A network or data set that settings name, and those of what they start from."""
    if kind in fields:
        yield fields[kind]
    if fields.get("start"):
        yield from _names_in(fields["start"], kind)
