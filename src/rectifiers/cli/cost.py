"""What trainings cost on this machine, measured on a few steps of them."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from ..datasets.dataset import Dataset
from ..datasets.examples import Examples
from ..experiments.network import build_network
from ..experiments.run_trial import EVALUATION_BATCH
from ..experiments.trial import Trial
from ..training import optimizers
from ..training.augmentation import Augmentation
from ..training.batches import Batches
from ..training.loop import fit

STEPS = 5
HARMLESS = 1e-6
"""A learning rate with which nothing diverges; the rate does not change the cost."""


@dataclass(frozen=True)
class Speed:
    """How fast a network trains.

    Args:
        step: seconds of one training step.
        image: seconds to evaluate one image.
    """

    step: float
    image: float

    def seconds(self, trial: Trial, data: Dataset) -> float:
        """The whole training with its evaluations, without the start of its process."""
        images = min(trial.train_size or len(data.train), len(data.train))
        held_out = round(trial.validation * images)
        evaluated = len(data.test) + held_out
        return trial.epochs * (steps_per_epoch(trial, images - held_out) * self.step + evaluated * self.image)


def steps_per_epoch(trial: Trial, images: int) -> int:
    """How many batches so many images make."""
    return -(-images // trial.batch_size)


def measure(trial: Trial, data: Dataset) -> Speed:
    """Train and test on a few batches: one epoch to warm up, and one that is timed.

    Raises:
        RectifiersError: data, network and activation do not fit together.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(trial.threads)
    try:
        train, test = _first(data.train, STEPS * trial.batch_size), _first(data.test, EVALUATION_BATCH)
        normalise = train.numbers(trial.normalise, channels_last=True)
        net = build_network(trial, data)
        _, epoch = fit(
            net,
            optimizers.create(trial.optimizer, net, lr=HARMLESS, momentum=trial.momentum),
            train=Batches(
                train,
                trial.batch_size,
                normalise=normalise,
                device=trial.device,
                augment=Augmentation(trial.augment),
            ),
            test=Batches(test, EVALUATION_BATCH, normalise=normalise, device=trial.device),
            epochs=2,
            seed=trial.seed,
        )
    finally:
        torch.set_num_threads(before)
    return Speed(epoch.train_seconds / steps_per_epoch(trial, len(train)), epoch.test_seconds / len(test))


def _first(split: Examples, count: int) -> Examples:
    return split.part(torch.arange(len(split)) < count)
