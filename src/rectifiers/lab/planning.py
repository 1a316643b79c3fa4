"""What an experiment will take, before it runs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from .. import datasets
from ..core import notebook
from ..core.wording import duration, plural, span
from ..datasets.source import Availability
from ..experiments import pretrained
from ..experiments.cost import Cost, Speeds, estimate_costs
from ..experiments.machine import count_cores
from ..experiments.preflight import check_names
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
class RunPlan:
    """What an experiment will take: runs, data, hours, and how it deviates from its paper.

    Args:
        selection: what will run.
        done: runs that the results folder has.
        to_do: runs that it lacks.
        starts: runs besides those, that they start from.
        workers: runs at a time.
        data: the data sets.
        weights: the published weights.
        costs: what each kind of run costs; None where there is nothing to measure on.
        seconds: all of it, with so many workers; None where there is nothing to measure on.
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
    guessed: int = 0

    @property
    def runs(self) -> int:
        """How many runs the selection has."""
        return len(self.selection.trials)

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


def plan(
    experiment: Selectable,
    *,
    preset: str | None = None,
    seeds: int | None = None,
    settings: Mapping[str, Any] | None = None,
    workers: int | None = None,
    data_dir: Path | str | None = None,
    results: Path | str | None = None,
    own: Sequence[str] | str = (),
    speeds: Speeds | None = None,
    limit: float = LIMIT,
) -> RunPlan:
    """Find out how many runs an experiment has, whether the data are there, and how long it will take here.

    A few steps of each kind of run are measured, on noise of the same shape where data are missing. Nothing is
    written.

    Args:
        experiment: a registered name, the path of a TOML file, an experiment from `lab.experiment`, or a selection.
        preset: its size; None takes `pocket`, or the last one where there is none of that name.
        seeds: how many; None takes the preset's.
        settings: fields of a `Trial` that change in all trials, such as `{"epochs": 5}`.
        workers: runs at a time; None takes one per core that this process may use.
        data_dir: folder with the files of data sets; None takes RECTIFIERS_DATA, or `data`.
        results: folder that holds the runs; None takes RECTIFIERS_RESULTS, or `runs`.
        own: what files of yours define, each `FILE.py:NAME`; an activation becomes a row.
        speeds: kinds of run that were measured before; what is measured now is added.
        limit: seconds after which no further kind of run is measured; those left are taken for the slowest measured.
            What is measured is said on stderr if it takes longer than a moment.

    Raises:
        RectifiersError: a name that no registry knows, or parts that do not fit together.

    Example:
        >>> found = plan("quickstart", preset="smoke", workers=2, results="nowhere")
        >>> print(found)  # doctest: +ELLIPSIS
        quickstart, preset smoke: Two epochs of 256 images and three functions: does it run at all?
        runs       6: 0 done, 6 to do
        kernels    cpu, the fast ones
        data       digits: ready
        cost       digits-conv on digits: ... a step, ... a run, by activation
        time       about ... with 2 workers, measured on a few steps of each
    """
    check_count("workers", workers)
    selection = select(
        experiment, preset=preset, seeds=seeds, settings=settings, data_dir=data_dir, results=results, own=own
    )
    done, starts = selection.done(), selection.starts()
    to_do = [trial for trial in selection.trials if trial not in done]
    trials = [*selection.trials, *starts]
    check_names(trials)
    data = _find_data(trials, selection.data_dir)
    count = min(workers or count_cores(), max(1, len(to_do)))
    stand_ins = {one.name: _choose_stand_in(one) for one in data}
    costs, total, guessed = None, None, 0
    if all(stand_ins.values()):
        known = {} if speeds is None else speeds
        found = estimate_costs(
            [*starts, *to_do], selection.data_dir, stand_ins, known, limit=limit, on_kind=_announce_later()
        )
        costs, guessed = found.kinds, found.guessed
        # The longest run is the least there is, however many workers.
        total = max(sum(found.seconds) / count, max(found.seconds, default=0.0))
    return RunPlan(
        selection=selection,
        done=len(done),
        to_do=len(to_do),
        starts=len(starts),
        workers=count,
        data=data,
        weights=_find_weights(trials, selection.data_dir),
        costs=costs,
        seconds=total,
        guessed=guessed,
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
