"""What trainings cost on this machine, measured on a few steps of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from ..datasets.dataset import Dataset
from ..datasets.examples import Examples
from ..experiments.network import build_network
from ..experiments.run_trial import EVALUATION_BATCH, reproducible
from ..experiments.trial import Trial
from ..training import optimizers
from ..training.augmentation import Augmentation
from ..training.batches import Batches
from ..training.frozen import freeze
from ..training.loop import fit
from ..training.metrics import Epoch
from ..training.tasks import task_of
from .memory import lacks_memory, within_memory

STEPS = 5
PATIENCE = 2.0
"""Seconds of a first step from which on it is taken for all: what it warms up does not count then."""
HARMLESS = 1e-6
"""A learning rate with which nothing diverges; the rate does not change the cost."""
SPEED = (
    "network",
    "network_args",
    "dataset",
    "activation",
    "where",
    "trained",
    "optimizer",
    "batch_size",
    "augment",
    "device",
    "threads",
)
"""The fields of a trial that its speed depends on."""


@dataclass(frozen=True)
class Speed:
    """How fast a network trains.

    Args:
        step: seconds of one training step.
        image: seconds to evaluate one image, or one patch of it.
        batch: examples that were trained on; fewer than the trial's where memory does not suffice for them, and the
            step is then as many of these as it has examples.
    """

    step: float
    image: float
    batch: int

    def seconds(self, trial: Trial, train: int, test: int) -> float:
        """The whole training with its evaluations, without the start of its process and without what it starts from.

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
"""Those of the kinds of training that were measured, by what their speed depends on."""


def steps_per_epoch(trial: Trial, images: int) -> int:
    """How many batches so many images make."""
    return -(-images // trial.batch_size)


def measure(trial: Trial, data: Dataset) -> Speed:
    """Train and test on a few batches as a trial would: one to warm up, and a few that are timed; of slow ones, on one.

    A batch for which this machine lacks the memory is halved until there is enough.

    Raises:
        RectifiersError: data, network and activation do not fit together.
    """
    batch = trial.batch_size
    while True:
        try:
            with within_memory(), reproducible(trial.threads):
                step, image = _measure(trial, data, batch)
            return Speed(step * trial.batch_size / batch, image, batch)
        except (MemoryError, RuntimeError) as error:
            if batch == 1 or not lacks_memory(error):
                raise
        # Not above: as long as the error is known, so are its tensors.
        batch //= 2


def _measure(trial: Trial, data: Dataset, batch: int) -> tuple[float, float]:
    """Seconds of a step with `batch` examples, and of the evaluation of one."""
    test = _first(data.test, min(batch, EVALUATION_BATCH))
    normalise = data.train.numbers(trial.normalise, channels_last=True)
    net = build_network(trial, data)
    frozen = freeze(net, trial.trained)
    optimizer = optimizers.create(trial.optimizer, net, lr=HARMLESS, momentum=trial.momentum)

    def run(steps: int) -> tuple[Epoch, int]:
        train = _first(data.train, steps * batch)
        batches = Batches(train, batch, normalise=normalise, device=trial.device, augment=Augmentation(trial.augment))
        (epoch,) = fit(
            net,
            optimizer,
            train=batches,
            test=Batches(test, EVALUATION_BATCH, normalise=normalise, device=trial.device),
            epochs=1,
            seed=trial.seed,
            task=task_of(data.train),
            frozen=frozen,
        )
        return epoch, len(batches)

    epoch, steps = run(1)
    if epoch.train_seconds < PATIENCE:
        epoch, steps = run(STEPS)
    return epoch.train_seconds / steps, epoch.test_seconds / len(test)


def _first(split: Examples, count: int) -> Examples:
    return split.part(torch.arange(len(split)) < count)
