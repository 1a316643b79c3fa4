"""What runs cost on this machine, measured on a few steps of them."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from .. import datasets
from ..core.memory import is_out_of_memory, within_memory
from ..datasets.dataset import Dataset
from ..datasets.examples import Examples
from ..training import optimizers, record
from ..training.augmentation import Augmentation
from ..training.batches import Batches
from ..training.frozen import freeze
from ..training.loop import fit
from ..training.metrics import Epoch
from ..training.reproducible import reproducible
from ..training.tasks import task_of
from ..training.together import CHUNK, Together, fit_together
from .batches import EVALUATION_BATCH
from .network import build_network, prepare_network
from .training_parts import build_mixing, build_update
from .trial import Trial

STEPS = 5
PATIENCE = 2.0
"""Seconds of a first step from which on it is taken for all: what it warms up does not count then."""
HARMLESS = 1e-6
"""A learning rate with which nothing diverges; the rate does not change the cost."""
FIELDS = (
    "network",
    "network_args",
    "dataset",
    "activation",
    "where",
    "trained",
    "adapter",
    "optimizer",
    "batch_size",
    "augment",
    "device",
    "threads",
    "kernels",
    "own",
    "mixup",
    "cutmix",
    "precision",
    "compile",
    "channels_last",
    "together",
)
"""The fields of a trial that its speed depends on."""


@dataclass(frozen=True)
class Speed:
    """How fast a network trains.

    Args:
        step: seconds of one training step; 0 where nothing is trained.
        image: seconds to evaluate one image, or one patch of it.
        batch: examples that were trained on; fewer than the trial's where memory does not suffice for them, and the
            step is then as many of these as it has examples.
        weights: bytes of the network's parameters and buffers.
        curves: layers whose activation a result draws.
    """

    step: float
    image: float
    batch: int
    weights: int = 0
    curves: int = 0

    def seconds(self, trial: Trial, train: int, test: int) -> float:
        """The whole run with its evaluations, without the start of its process and without what it starts from.

        Args:
            trial: what is trained.
            train: examples in the training data.
            test: examples in the test data.
        """
        images = min(trial.train_size or train, train)
        held_out = images // trial.folds if trial.folds else round(trial.validation * images)
        image = trial.patches * self.image
        if trial.vote:
            return trial.vote * test * image
        evaluated = max(1, trial.epochs) * (test + held_out) * image
        return trial.epochs * steps_per_epoch(trial, images - held_out) * self.step + evaluated


Speeds = dict[tuple[Any, ...], Speed]
"""Those of the kinds of run that were measured, by what their speed depends on."""


@dataclass(frozen=True)
class Cost:
    """What one kind of run costs: those that differ in nothing that their speed depends on.

    Args:
        network: of the runs.
        dataset: of the runs.
        activation: of the runs.
        batch_size: examples per step.
        measured_batch: examples per step that was measured; fewer where memory did not suffice for all.
        step_seconds: of one step of training; 0 where nothing is trained, as for counts of parameters.
        runs: how many there are.
        run_seconds: their mean.
    """

    network: str
    dataset: str
    activation: str
    batch_size: int
    measured_batch: int
    step_seconds: float
    runs: int
    run_seconds: float

    def to_dict(self) -> dict[str, Any]:
        """The facts as JSON holds them, under the keys that they were first written with."""
        facts = asdict(self)
        return facts | {"trainings": facts.pop("runs"), "training_seconds": facts.pop("run_seconds")}


def steps_per_epoch(trial: Trial, images: int) -> int:
    """How many batches that many images make."""
    return -(-images // trial.batch_size)


@dataclass(frozen=True)
class Costs:
    """What runs cost.

    Args:
        kinds: what each kind of run costs.
        seconds: of each run that was given.
        speeds: of each of them.
        counts: how many each of them stands for.
        guessed: how many kinds were not measured, because time ran out; they are taken for the slowest that were.
    """

    kinds: tuple[Cost, ...]
    seconds: Mapping[Trial, float]
    speeds: Mapping[Trial, Speed]
    counts: Mapping[Trial, int]
    guessed: int = 0


def estimate_costs(
    counts: Mapping[Trial, int],
    data_dir: Path,
    stand_ins: Mapping[str, str],
    speeds: Speeds,
    *,
    limit: float = math.inf,
    on_kind: Callable[[str, int, int], None] = lambda kind, number, total: None,
) -> Costs:
    """What each kind of run costs.

    Args:
        counts: what will run, and how many times with other seeds.
        data_dir: where data sets lie.
        stand_ins: data set → the one to measure on.
        speeds: of kinds that were measured before; added to.
        limit: seconds after which nothing more is measured, but for the first kind.
        on_kind: called before a kind is measured: with what it is, its number, and how many there are.

    Raises:
        RectifiersError: data, network and activation do not fit together.
    """
    groups: dict[tuple[Any, ...], list[Trial]] = {}
    for trial in counts:
        fields = (getattr(trial, field) for field in FIELDS)
        groups.setdefault((stand_ins[trial.dataset], *fields, trial.epochs > 0), []).append(trial)
    start, guessed = time.monotonic(), 0
    costs: list[Cost] = []
    seconds: dict[Trial, float] = {}
    of_each: dict[Trial, Speed] = {}
    for number, (key, alike) in enumerate(groups.items(), start=1):
        first = alike[0]
        data = datasets.load(stand_ins[first.dataset], data_dir)
        if (speed := speeds.get(key)) is None and speeds and time.monotonic() - start > limit:
            speed, guessed = _slowest(speeds, key), guessed + 1
        elif speed is None:
            on_kind(f"{first.network} on {first.dataset} with {first.activation}", number, len(groups))
            speed = speeds[key] = measure_speed(first, data)
        size = datasets.size(first.dataset) if stand_ins[first.dataset] != first.dataset else None
        sizes = (size.train, size.test) if size else (len(data.train), len(data.test))
        runs = [speed.seconds(trial, *sizes) for trial in alike]
        count = sum(counts[trial] for trial in alike)
        total = sum(counts[trial] * one for trial, one in zip(alike, runs, strict=True))
        seconds |= zip(alike, runs, strict=True)
        of_each |= dict.fromkeys(alike, speed)
        costs.append(
            Cost(
                network=first.network,
                dataset=first.dataset,
                activation=first.activation,
                batch_size=first.batch_size,
                measured_batch=speed.batch,
                step_seconds=speed.step,
                runs=count,
                run_seconds=total / count,
            )
        )
    return Costs(tuple(costs), seconds, of_each, counts, guessed)


def _slowest(speeds: Speeds, kind: tuple[Any, ...]) -> Speed:
    """The slowest speed of the kinds of the same data and network, or of all where none of these was measured."""
    alike = [speed for key, speed in speeds.items() if key[:2] == kind[:2]]
    return max(alike or speeds.values(), key=lambda speed: speed.step)


def measure_speed(trial: Trial, data: Dataset) -> Speed:
    """Train and test on a few batches as a trial would: one to warm up, and a few that are timed; of slow ones, on one.

    A trial without epochs only tests.

    A batch for which this machine lacks the memory is halved until there is enough.

    Raises:
        RectifiersError: data, network and activation do not fit together.
    """
    batch = trial.batch_size
    while True:
        try:
            with within_memory(), reproducible(trial.threads, trial.provider):
                found = _measure(trial, data, batch)
            return replace(found, step=found.step * trial.batch_size / batch)
        except (MemoryError, RuntimeError) as error:
            if batch == 1 or not is_out_of_memory(error):
                raise
        # Not above: as long as the error is known, so are its tensors.
        batch //= 2


def _measure(trial: Trial, data: Dataset, batch: int) -> Speed:
    """How fast steps with `batch` examples are."""
    if trial.together:
        return _measure_together(trial, data, batch)
    test = _take_first(data.test, min(batch, EVALUATION_BATCH))
    normalise = data.train.numbers(trial.normalise, channels_last=trial.channels_last)
    net = prepare_network(trial, data)
    frozen = freeze(net, trial.trained)
    optimizer = optimizers.create(trial.optimizer, net, lr=HARMLESS, momentum=trial.momentum)
    task = task_of(data.train)
    update = build_update(trial, net, optimizer, task)

    epochs = min(trial.epochs, 1)

    def run(steps: int) -> tuple[Epoch, int]:
        train = _take_first(data.train, steps * batch)
        batches = Batches(train, batch, normalise=normalise, device=trial.device, augment=Augmentation(trial.augment))
        (epoch,) = fit(
            net,
            optimizer,
            train=build_mixing(trial, data, batches),
            test=Batches(test, EVALUATION_BATCH, normalise=normalise, device=trial.device),
            epochs=epochs,
            seed=trial.seed,
            task=task,
            frozen=frozen,
            update=update,
        )
        return epoch, len(batches)

    epoch, steps = run(1)
    if trial.compile or epoch.train_seconds < PATIENCE:
        epoch, steps = run(STEPS)
    return Speed(epochs * epoch.train_seconds / steps, epoch.test_seconds / len(test), batch, *_describe(net))


def _measure_together(trial: Trial, data: Dataset, batch: int) -> Speed:
    """The same for one of several networks that are one computation: their time by their number."""
    seeds = [trial.with_seed(seed) for seed in range(trial.together)]
    test = _take_first(data.test, min(batch, EVALUATION_BATCH))
    normalise = data.train.numbers(trial.normalise, channels_last=trial.channels_last)
    several = Together([build_network(one, data) for one in seeds])
    optimizer = optimizers.create(trial.optimizer, several.model, lr=HARMLESS, momentum=trial.momentum)

    def run(steps: int) -> tuple[Epoch | None, int]:
        train = _take_first(data.train, steps * batch)
        ((epoch, *_),) = fit_together(
            several,
            optimizer,
            train=[Batches(train, CHUNK * batch, normalise=normalise, seed=one.seed) for one in seeds],
            test=[Batches(test, EVALUATION_BATCH, normalise=normalise) for _ in seeds],
            size=batch,
            epochs=1,
            task=task_of(data.train),
        )
        return epoch, -(-len(train) // batch)

    run(1)
    epoch, steps = run(STEPS)
    step, image = (epoch.train_seconds / steps, epoch.test_seconds / len(test)) if epoch else (math.nan, math.nan)
    return Speed(step, image, batch, *_describe(build_network(trial, data)))


def _describe(net: nn.Module) -> tuple[int, int]:
    """Bytes of a network's weights, and how many of its layers have an activation whose curve a result draws."""
    weights = sum(tensor.nbytes for tensor in (*net.parameters(), *net.buffers()))
    return weights, sum(1 for _ in record.learnable(net))


def _take_first(split: Examples, count: int) -> Examples:
    return split.part(torch.arange(len(split), device="cpu") < count)
