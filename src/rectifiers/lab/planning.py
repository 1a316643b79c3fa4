"""What an experiment will take, before it runs."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from .. import datasets
from ..core import notebook
from ..core.errors import ConfigError
from ..core.memory import peak
from ..core.wording import duration, gigabytes, plural, span
from ..datasets.source import Availability
from ..experiments import pretrained
from ..experiments.cost import Cost, Costs, Speeds, estimate_costs
from ..experiments.machine import count_fitting
from ..experiments.preflight import check_names
from ..experiments.schedule import makespan
from ..experiments.sizes import size_of_checkpoints, size_of_result
from ..experiments.trial import Trial
from .progress import say
from .selecting import Selectable, Selection, check_count, select

LIMIT = 60.0
"""Seconds that measuring may take."""

PATIENCE = 3.0
"""Seconds between two words on what is measured."""


@dataclass(frozen=True)
class Needed:
    """A data set, or published weights, that runs need.

    Args:
        name: as trials say it.
        ready: whether its files are there.
        missing: names of the files that are not.
        advice: how to get them.
        gigabytes: of the files, in 10⁹ bytes; None where it is not known.
    """

    name: str
    ready: bool
    missing: tuple[str, ...]
    advice: str
    gigabytes: float | None

    def __str__(self) -> str:
        state = "ready" if self.ready else f"missing {', '.join(self.missing)}; {self.advice}"
        return f"{self.name}{f', {self.gigabytes:g} GB' if self.gigabytes else ''}: {state}"


@dataclass(frozen=True)
class Scale:
    """What all runs take on a number of workers, each as fast as one alone on this machine.

    Args:
        workers: runs at a time; no more than there are runs.
        seconds: until the last has ended, when each idle worker takes the longest that is left.
        worker_hours: paid for, when all workers are kept until the last run has ended.
        memory: gigabytes of all workers, without the libraries, which are there once on each machine; None where the
            system does not say what processes hold.
        disk: gigabytes of results, kept weights, checkpoints and data files, each kept once.
        price: of the worker-hours; None without a price of one.
    """

    workers: int
    seconds: float
    worker_hours: float
    memory: float | None
    disk: float
    price: float | None

    def to_dict(self) -> dict[str, Any]:
        """The facts as JSON holds them."""
        return {"workers": self.workers, "seconds": self.seconds} | {
            "worker_hours": self.worker_hours,
            "memory_gigabytes": self.memory,
            "disk_gigabytes": self.disk,
            "price": self.price,
        }

    def __str__(self) -> str:
        memory = () if self.memory is None else (f"{gigabytes(self.memory)} of memory",)
        price = () if self.price is None else (f"a price of {self.price:,.2f}",)
        parts = [f"{self.worker_hours:,.3g} worker-hours", *memory, f"{gigabytes(self.disk)} on disk", *price]
        return f"{plural(self.workers, 'worker')}: {duration(self.seconds)}, {', '.join(parts)}"


@dataclass(frozen=True)
class RunPlan:
    """What an experiment will take: runs, data, hours, and how it deviates from its paper.

    Args:
        selection: what will run.
        done: runs that the results folder has.
        to_do: runs that it lacks.
        starts: runs besides those, that they start from.
        workers: runs at a time, for which `seconds` is given.
        data: the data sets.
        weights: the published weights.
        costs: what each kind of run costs; None where there is nothing to measure on.
        seconds: all of it, with that many workers; None where there is nothing to measure on.
        scales: all of it with each number of workers that was asked for; empty where there is nothing to measure on.
        guessed: kinds of run that were not measured within the time limit, and are taken for the slowest that were.
    """

    selection: Selection
    done: int
    to_do: int
    starts: int
    workers: int
    data: tuple[Needed, ...]
    weights: tuple[Needed, ...]
    costs: tuple[Cost, ...] | None
    seconds: float | None
    scales: tuple[Scale, ...] = ()
    guessed: int = 0

    @property
    def runs(self) -> int:
        """How many runs the selection has."""
        return self.selection.size

    @property
    def deviations(self) -> tuple[str, ...]:
        """Where the protocol is known to differ from the paper's, or the paper is silent."""
        return self.selection.experiment.deviations

    def to_dict(self) -> dict[str, Any]:
        """The facts as `rectifiers plan --json` prints them, under the keys that they were first written with."""
        size = self.selection.experiment.preset(self.selection.preset)
        return {
            "experiment": self.selection.experiment.name,
            "preset": self.selection.preset,
            "note": size.note,
            "comparable": size.comparable,
            "trainings": self.runs,
            "done": self.done,
            "to_do": self.to_do,
            "started_from": self.starts,
            "workers": self.workers,
            "data": [asdict(one) | {"missing": list(one.missing)} for one in self.data],
            "weights": [asdict(one) | {"missing": list(one.missing)} for one in self.weights],
            "kernels": self.selection.kernels,
            "deviations": list(self.deviations),
            "costs": None if self.costs is None else [cost.to_dict() for cost in self.costs],
            "seconds": self.seconds,
            "scales": [scale.to_dict() for scale in self.scales],
            "power": self._power(),
            "guessed": self.guessed,
        }

    def __str__(self) -> str:
        lines = [self.selection.heading]
        for name, texts in self._facts():
            lines += [f"{name if place == 0 else '':<11}{text}" for place, text in enumerate(texts)]
        if self.deviations:
            lines += ["deviations and assumptions", *(f"  - {text}" for text in self.deviations)]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        items: dict[str, str] = {}
        for name, texts in self._facts():
            items[name] = "\n".join([*([items[name]] if name in items else []), *texts])
        notes = ["Deviations and assumptions:", *(f"• {text}" for text in self.deviations)] if self.deviations else []
        return notebook.facts(self.selection.heading, items, notes)

    def _facts(self) -> Iterator[tuple[str, list[str]]]:
        """Name and lines of each fact."""
        starts = f", and {self.starts} that they start from" if self.starts else ""
        yield "runs", [f"{self.runs:,}: {self.done:,} done, {self.to_do:,} to do{starts}"]
        yield "kernels", [self.selection.kernels]
        for one in self.data:
            yield "data", [str(one)]
        for one in self.weights:
            yield "weights", [str(one)]
        if power := self._power():
            yield "power", power
        if self.seconds is None or self.costs is None:
            yield "time", ["can be measured when the data are there"]
        elif self.to_do:
            yield from self._cost_facts(self.costs, self.seconds)

    def _power(self) -> list[str]:
        """What its pairs of runs can find; nothing where that was not calculated beforehand."""
        experiment = self.selection.experiment
        if experiment.power is None:
            return []
        return experiment.power.describe(experiment.preset(self.selection.preset).seeds)

    def _cost_facts(self, costs: Sequence[Cost], seconds: float) -> Iterator[tuple[str, list[str]]]:
        groups: dict[tuple[str, str, bool], list[Cost]] = {}
        for cost in costs:
            groups.setdefault((cost.network, cost.dataset, cost.step_seconds > 0), []).append(cost)
        for (network, dataset, trains), kinds in groups.items():
            step = f"{span([cost.step_seconds for cost in kinds])} a step" if trains else "nothing is trained"
            run = span([cost.run_seconds for cost in kinds])
            yield "cost", [f"{network} on {dataset}: {step}, {run} a run, by activation"]
        for cost in costs:
            if cost.measured_batch < cost.batch_size:
                text = f"{cost.network} with {cost.activation}: {cost.batch_size} examples at a time do not fit here"
                yield "memory", [f"{text}, nor would they in a run; measured on {cost.measured_batch}"]
        lines = [f"about {duration(seconds)} with {plural(self.workers, 'worker')}, measured on a few steps of each"]
        if self.guessed:
            left = plural(self.guessed, "kind")
            lines.append(f"{left} of run not measured within the time limit, and taken for the slowest that were")
        if any(not one.ready for one in self.data):
            lines.append("where data are missing, on noise of the same shape; reading the files takes extra time")
        yield "time", lines
        yield "takes", [str(scale) for scale in self.scales]


def plan(
    experiment: Selectable,
    *,
    preset: str | None = None,
    seeds: int | None = None,
    settings: Mapping[str, Any] | None = None,
    workers: int | Sequence[int] | None = None,
    price: float | None = None,
    data_dir: Path | str | None = None,
    results: Path | str | None = None,
    own: Sequence[str] | str = (),
    only: Sequence[str] | str = (),
    speeds: Speeds | None = None,
    limit: float = LIMIT,
) -> RunPlan:
    """Find out how many runs an experiment has, whether the data are there, and how long it will take here.

    A few steps of each kind of run are measured, on noise of the same shape where data are missing. Nothing is
    written.

    Args:
        experiment: a registered name, the path of a TOML file, an experiment from `lab.experiment`, or a selection.
        preset: name of its size; None takes `pocket`, or the last one where there is none of that name.
        seeds: number of seeds; None takes the preset's.
        settings: fields of a `Trial` that change in all trials, such as `{"epochs": 5}`.
        workers: runs at a time, or several such numbers, such as `[1, 8, 64, 1000]`, also of machines that are not
            here; None takes as many as there are cores for.
        price: what an hour of one worker costs, in any currency.
        data_dir: folder with the files of data sets; None takes RECTIFIERS_DATA, or `data`.
        results: folder that holds the runs; None takes RECTIFIERS_RESULTS, or `runs`.
        own: what files of yours define, each `FILE.py:NAME`; an activation becomes a row.
        only: labels of the rows or columns to which it is limited; none for all.
        speeds: kinds of run that were measured before; what is measured now is added.
        limit: seconds after which no further kind of run is measured; those left are taken for the slowest measured.
            What is being measured is shown on stderr if it takes longer than a moment.

    Raises:
        RectifiersError: a name that no registry knows, or parts that do not fit together.

    Example:
        >>> found = plan("quickstart", preset="smoke", workers=2, results="nowhere")
        >>> print(found)  # doctest: +ELLIPSIS
        quickstart, preset smoke: Two epochs of 256 images and three functions: does it run at all?
        runs       6: 0 done, 6 to do
        kernels    cpu-fused, the fast ones
        data       digits: ready
        cost       digits-conv on digits: ... a step, ... a run, by activation
        time       about ... with 2 workers, measured on a few steps of each
        takes      2 workers: ... worker-hours, ... of memory, ... on disk
    """
    asked = () if workers is None else _read_workers(workers)
    if price is not None and not (isinstance(price, (int, float)) and 0 <= price < math.inf):
        raise ConfigError(f"price must be what an hour of one worker costs, 0 or more, got {price!r}")
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
    left, starts = selection.left(), selection.starts()
    to_do = sum(left.values())
    trials = [*(selection.cells.kinds() or selection.trials), *starts]
    check_names(trials)
    counts = asked or (count_fitting(trials),)
    data = _find_data(trials, selection.data_dir)
    weights = _find_weights(trials, selection.data_dir)
    stand_ins = {one.name: _choose_stand_in(one) for one in data}
    costs, guessed = None, 0
    scales: tuple[Scale, ...] = ()
    if all(stand_ins.values()):
        known = {} if speeds is None else speeds
        found = estimate_costs(
            {**dict.fromkeys(starts, 1), **left},
            selection.data_dir,
            stand_ins,
            known,
            limit=limit,
            on_kind=_announce_later(),
        )
        costs, guessed = found.kinds, found.guessed
        files = sum(one.gigabytes or 0.0 for one in (*data, *weights))
        keeps = bool(selection.experiment.analysis)
        runs = max(1, sum(found.counts.values()))
        useful = dict.fromkeys(min(count, runs) for count in counts)
        scales = tuple(_scales(found, useful, files, keeps, price))
    return RunPlan(
        selection=selection,
        done=selection.size - to_do,
        to_do=to_do,
        starts=len(starts),
        workers=scales[0].workers if scales else min(counts[0], max(1, to_do)),
        data=data,
        weights=weights,
        costs=costs,
        seconds=scales[0].seconds if scales else None,
        scales=scales,
        guessed=guessed,
    )


def _read_workers(workers: int | Sequence[int]) -> Sequence[int]:
    """The numbers of workers that were asked for.

    Raises:
        ConfigError: one is none.
    """
    counts = (workers,) if isinstance(workers, int) else tuple(workers)
    if not counts:
        raise ConfigError("workers must be a number, or several, got none")
    for count in counts:
        check_count("workers", count)
    return counts


def _scales(costs: Costs, counts: Iterable[int], files: float, keeps: bool, price: float | None) -> Iterator[Scale]:
    """What runs take on that many workers, for each of several numbers.

    Args:
        costs: of the runs.
        counts: how many workers.
        files: gigabytes of data and published weights.
        keeps: whether the weights of all runs are kept.
        price: what an hour of one worker costs.
    """
    needed = {start for trial in costs.seconds for start in trial.ancestors}
    alike = costs.counts
    kept = sum(alike[trial] * speed.weights for trial, speed in costs.speeds.items() if keeps or trial in needed)
    results = sum(alike[trial] * size_of_result(trial, speed.curves) for trial, speed in costs.speeds.items())
    checkpoints = max((size_of_checkpoints(trial, speed.weights) for trial, speed in costs.speeds.items()), default=0)
    # Each worker is a process like this one, which has just done what a worker does.
    held = peak()
    for workers in counts:
        seconds = makespan(costs.seconds, workers, alike)
        hours = workers * seconds / 3600
        yield Scale(
            workers=workers,
            seconds=seconds,
            worker_hours=hours,
            memory=None if held is None else workers * held / 1e9,
            disk=files + (kept + results + workers * checkpoints) / 1e9,
            price=None if price is None else hours * price,
        )


def _announce_later() -> Callable[[str, int, int], None]:
    """What says which kind of run is measured, once it has taken `PATIENCE`."""
    due = time.monotonic() + PATIENCE

    def announce(kind: str, number: int, total: int) -> None:
        nonlocal due
        if time.monotonic() >= due:
            due = time.monotonic() + PATIENCE
            say(f"measuring kind {number} of {total}: {kind}")

    return announce


def _find_data(trials: Sequence[Trial], data_dir: Path) -> tuple[Needed, ...]:
    found = []
    for name in dict.fromkeys(trial.dataset for trial in trials):
        size = datasets.size(name)
        found.append(_describe(name, datasets.check(name, data_dir), size.gigabytes if size else None))
    return tuple(found)


def _find_weights(trials: Sequence[Trial], data_dir: Path) -> tuple[Needed, ...]:
    names = dict.fromkeys(trial.pretrained for trial in trials if trial.pretrained)
    return tuple(_describe(name, pretrained.check(name, data_dir), pretrained.get(name).gigabytes) for name in names)


def _describe(name: str, found: Availability, gigabytes: float | None) -> Needed:
    return Needed(name, found.ready, tuple(found.missing), found.advice, gigabytes)


def _choose_stand_in(data: Needed) -> str:
    """The data set to measure on; empty where there is none."""
    return data.name if data.ready else f"generated:{data.name}" if data.gigabytes else ""
