"""What a comparison will take, before it runs: runs, hours, and the difference that it could show."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from statistics import fmean
from typing import Any, cast

from ...core.wording import duration, finite, plural, span
from ...training.batches import Batches
from ...training.metrics import Epoch
from ...training.reproducible import reproducible
from ..batches import TrialBatches
from ..result import Result
from ..statistics import compare, detectable_in_spreads
from ..train_network import train_given
from .budget import Budget, seconds_of
from .campaign import Campaign
from .preparing import trial_of
from .run_own import get_ready, told_in_a_line
from .scores import oriented
from .trial import OwnTrial
from .variants import Variant

STEPS = 3
"""Of a training, that are timed after one."""


@dataclass(frozen=True)
class ComparisonPlan:
    """What a comparison will take.

    Args:
        labels: of its rows, the baseline first.
        seeds: of each row; with a budget, those of the first look.
        runs: without a budget, how many there are.
        done: how many of these there are already.
        budget: the limit, if there is one.
        workers: runs at a time.
        seconds: of one run, by label; NaN where the steps that were measured diverged.
        spread: standard deviation of the differences from the baseline, from the runs that there are; NaN for none.
        unit: of these, with a blank before it.
        kernels: what our functions run on.
        tuning: runs that choose learning rates before.
    """

    labels: tuple[str, ...]
    seeds: int
    runs: int
    done: int
    budget: Budget | None
    workers: int
    seconds: Mapping[str, float]
    spread: float
    unit: str
    kernels: str
    tuning: int = 0

    @property
    def total(self) -> float:
        """Seconds of what is to do; NaN where they are not known yet."""
        known = [value for value in self.seconds.values() if not math.isnan(value)]
        return fmean(known) * (self.tuning + self.runs - self.done) / self.workers if known else math.nan

    @property
    def detectable(self) -> float:
        """The smallest difference that is found with 80 % power; NaN where the spread is not known yet."""
        return detectable_in_spreads(self.seeds) * self.spread

    def to_dict(self) -> dict[str, Any]:
        """The plan for other programs; None in place of what is not known."""
        facts = {
            "rows": list(self.labels),
            "seeds": self.seeds,
            "runs": self.runs,
            "done": self.done,
            "tuning": self.tuning,
            "budget": None if self.budget is None else str(self.budget),
            "workers": self.workers,
            "kernels": self.kernels,
            "seconds": dict(self.seconds),
            "total_seconds": self.total,
            "detectable": self.detectable,
            "unit": self.unit.strip(),
        }
        found: dict[str, Any] = finite(facts)
        return found

    def __str__(self) -> str:
        return "\n".join(self.lines())

    def lines(self) -> Iterator[str]:
        """Say it, line by line."""
        yield f"rows        {', '.join(self.labels)}"
        yield f"kernels     {self.kernels}"
        if self.tuning:
            yield f"tuning      {plural(self.tuning, 'run')} to choose learning rates, before the others"
        if self.budget is None:
            runs = f"{self.runs:,}: {plural(self.seeds, 'seed')} of each, {self.done:,} done"
            yield f"runs        {runs}"
        else:
            yield f"budget      {self.budget}: screening, then fresh seeds, judged from {self.seeds} pairs on"
        known = [value for value in self.seconds.values() if not math.isnan(value)]
        if not known:
            yield "time        not known: the steps that were measured diverged"
        else:
            text = f"{span(known)} a run"
            if self.budget is None:
                text += f", about {duration(self.total)} in all with {plural(self.workers, 'worker')}"
            yield f"time        {text}"
        factor = detectable_in_spreads(self.seeds)
        if math.isinf(factor):
            yield "detectable  none with one seed of each; take two at least"
        elif math.isnan(self.spread):
            yield (
                f"detectable  with 80 % power, a mean difference of {factor:.2g} times the standard deviation of the "
                "differences between pairs, which the runs will show"
            )
        else:
            yield f"detectable  a difference of {self.detectable:.3g}{self.unit}, with 80 % power"


def plan_campaign(
    campaign: Campaign, common: OwnTrial, data_dir: Path, *, tuning: Sequence[OwnTrial] = ()
) -> ComparisonPlan:
    """Find out what a comparison will take.

    Of our loop a few steps of each row are measured; of the user's training, one run is there already.

    Args:
        campaign: what is compared.
        common: what its trials share.
        data_dir: where named data sets lie.
        tuning: trials that choose learning rates before.
    """
    rows = (campaign.baseline, *campaign.others)
    trials = {row.label: [campaign.make(row, seed) for seed in range(campaign.seeds)] for row in rows}
    results = {label: [campaign.read(trial) for trial in some] for label, some in trials.items()}
    done = {label: [one for one in some if one is not None] for label, some in results.items()}
    finished = next((some[0] for some in done.values() if some), None)
    first = next(filter(None, map(campaign.read, [campaign.first, *tuning[:1]])), None)

    def pace(row: Variant) -> float:
        if done[row.label]:
            return fmean(map(seconds_of, done[row.label]))
        if common.dataset:
            return _measure(common, row, data_dir)
        return math.nan if first is None else seconds_of(first)

    return ComparisonPlan(
        labels=tuple(trials),
        seeds=campaign.seeds,
        runs=sum(map(len, trials.values())),
        done=sum(map(len, done.values())),
        budget=campaign.budget,
        workers=campaign.workers,
        seconds={row.label: pace(row) for row in rows},
        spread=_spread(results, campaign.baseline.label),
        unit="" if finished is None else " points" if finished.measure.unit == "%" else f" {finished.measure.unit}",
        kernels=common.kernels,
        tuning=len(tuning),
    )


def _spread(results: Mapping[str, Sequence[Result | None]], baseline: str) -> float:
    """The mean standard deviation of the differences, of rows with three pairs at least."""
    values = {label: {seed: oriented(one) for seed, one in enumerate(some)} for label, some in results.items()}
    found = [
        one.spread
        for label, some in values.items()
        if label != baseline and (one := compare(some, values[baseline], margin=0.0)).n > 2
    ]
    return fmean(found) if found else math.nan


def _measure(common: OwnTrial, row: Variant, data_dir: Path) -> float:
    """Seconds of a run by our loop, from a few steps of it."""
    trial = trial_of(common, row, 0)
    short = trial.model_copy(update={"epochs": 1, "accumulate": 1, "patience": 0})
    with reproducible(trial.threads, trial.provider, keep_defaults=True):
        ready = get_ready(short, data_dir)
        counts = [0 if part is None else len(part) for part in ready.batches[:3]]
        for steps in (1, STEPS):
            part = _First(ready.train, steps)
            tested = _First(ready.batches.test, 1)
            few = TrialBatches(cast("Batches", part), None, cast("Batches", tested))
            with told_in_a_line(trial):
                outcome, _ = train_given(
                    short, ready.model, cast("Any", part), few, ready.task, started=True, called=ready.called
                )
    if not outcome["epochs"]:
        return math.nan
    epoch: Epoch = outcome["epochs"][-1]
    training = counts[0] * epoch.train_seconds / min(STEPS, counts[0]) if trial.epochs else 0.0
    return max(1, trial.epochs) * (training + (counts[1] + counts[2]) * epoch.test_seconds)


class _First:
    """The first batches of a part."""

    def __init__(self, batches: Any, count: int) -> None:
        self.batches, self.count = batches, count

    def __getattr__(self, name: str) -> Any:
        return getattr(self.batches, name)

    def __len__(self) -> int:
        return min(self.count, len(self.batches))

    def __iter__(self) -> Iterator[Any]:
        return islice(self.batches, self.count)

    def epoch(self, epoch: int, skip: int = 0) -> Iterator[Any]:
        """The first batches of an epoch."""
        return islice(self.batches.epoch(epoch), skip, self.count)
