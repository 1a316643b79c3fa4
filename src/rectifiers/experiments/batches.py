"""The batches of a trial: which examples it trains on, holds out, and is tested on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from ..core.errors import ConfigError
from ..datasets.changing import ChangingDataset
from ..datasets.dataset import Dataset
from ..datasets.examples import Examples
from ..datasets.splits import folds, hold_out, subset
from ..training.augmentation import Augmentation
from ..training.batches import Batches
from ..training.phases import FollowingBatches, Phases
from .trial import Trial

EVALUATION_BATCH = 250


class TrialBatches(NamedTuple):
    """The batches of a trial.

    Args:
        train: augmented, in an order of its own each epoch.
        validation: held out of the training data; None where the trial holds nothing out.
        test: all test data.
        phases: what changes the data of both; None where they stay.
    """

    train: Batches
    validation: Batches | None
    test: Batches
    phases: Phases | None = None


def build_batches(trial: Trial, data: Dataset) -> TrialBatches:
    """The batches of a trial.

    Raises:
        ConfigError: the data have fewer images than the trial takes, or do not change as it says.
    """
    train = data.train
    _check_phases(trial, data)
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
    options: dict[str, Any] = {
        "normalise": normalise,
        "seed": trial.seed,
        "device": trial.device,
        "augment": Augmentation(trial.augment),
    }

    def batches(split: Examples, size: int) -> Batches:
        return Batches(split, size, **options)

    if isinstance(data, ChangingDataset):
        unchanging = train

        def make(phase: int) -> tuple[Examples, Examples]:
            return data.change(unchanging, data.test, phase, trial.seed)

        def both(train: Examples, test: Examples, follow: Callable[[int], None]) -> tuple[Batches, Batches]:
            following = FollowingBatches(train, trial.batch_size, follow=follow, **options)
            return following, batches(test, EVALUATION_BATCH)

        # Data whose phase never ends are those of the first.
        phases = Phases(make, trial.phase_epochs or max(1, trial.epochs), both)
        return TrialBatches(phases.train, None, phases.test, phases)
    return TrialBatches(
        train=batches(train, trial.batch_size),
        validation=batches(held_out, EVALUATION_BATCH) if held_out is not None else None,
        test=batches(data.test, EVALUATION_BATCH),
    )


def _check_phases(trial: Trial, data: Dataset) -> None:
    if not isinstance(data, ChangingDataset):
        if trial.phase_epochs:
            raise ConfigError(
                f"phase_epochs={trial.phase_epochs} is for data that change, which {data.name} do not; leave it out, "
                f"or take permuted:{data.name}, random-labels:{data.name} or slow-regression"
            )
        return
    if trial.validation or trial.folds:
        raise ConfigError(f"{data.name} change, so nothing can be held out of them; leave validation and folds out")
