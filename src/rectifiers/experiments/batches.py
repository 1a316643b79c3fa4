"""The batches of a trial: which examples it trains on, holds out, and is tested on."""

from __future__ import annotations

from typing import NamedTuple

from ..datasets.dataset import Dataset
from ..datasets.examples import Examples
from ..datasets.splits import folds, hold_out, subset
from ..training.augmentation import Augmentation
from ..training.batches import Batches
from .trial import Trial

EVALUATION_BATCH = 250


class TrialBatches(NamedTuple):
    """The batches of a trial.

    Args:
        train: augmented, in an order of its own each epoch.
        validation: held out of the training data; None where the trial holds nothing out.
        test: all test data.
    """

    train: Batches
    validation: Batches | None
    test: Batches


def build_batches(trial: Trial, data: Dataset) -> TrialBatches:
    """The batches of a trial.

    Raises:
        ConfigError: the data have fewer images than the trial takes.
    """
    train = data.train
    if trial.train_size is not None:
        train = subset(train, trial.train_size, trial.seed)
    held_out = None
    if trial.folds:
        # The folds are the same for all seeds, which number them.
        train, held_out = folds(train, trial.folds, seed=0)[trial.seed % trial.folds]
    elif trial.validation:
        train, held_out = hold_out(train, trial.validation, trial.seed)
    # oneDNN's convolutions are faster with channels innermost: MNIST-Conv gains a quarter of its step.
    normalise = train.numbers(trial.normalise, channels_last=trial.channels_last)
    augment = Augmentation(trial.augment)

    def batches(split: Examples, size: int) -> Batches:
        return Batches(split, size, normalise=normalise, seed=trial.seed, device=trial.device, augment=augment)

    return TrialBatches(
        train=batches(train, trial.batch_size),
        validation=batches(held_out, EVALUATION_BATCH) if held_out is not None else None,
        test=batches(data.test, EVALUATION_BATCH),
    )
