"""When a training ends early."""

from __future__ import annotations

import pytest

from rectifiers.training.early_stopping import EarlyStopping
from rectifiers.training.loop import fit
from rectifiers.training.metrics import ACCURACY, Epoch, Measure
from rectifiers.training.optimizers import create

from .samples import batches, blobs, network

ERROR = Measure("RMSE", higher_is_better=False)


@pytest.mark.parametrize(
    ("measure", "scores", "ended"),
    [
        (ACCURACY, [50, 60], False),
        (ACCURACY, [60, 50], False),
        (ACCURACY, [60, 50, 55], True),
        (ACCURACY, [60, 60, 60], True),
        (ACCURACY, [60, 50, 61], False),
        (ERROR, [60, 50, 55], False),
        (ERROR, [50, 60, 61], True),
        (ACCURACY, [], False),
        (ACCURACY, [float("nan"), 50, 40], False),
    ],
)
def test_two_epochs_without_a_better_score(measure: Measure, scores: list[float], ended: bool) -> None:
    assert EarlyStopping(2, measure).counts(scores) == ended


def test_training_ends_and_its_epochs_stay() -> None:
    """With a rate of nearly nothing the first epoch stays the best."""
    net = network()
    asked: list[int] = []
    stop = EarlyStopping(3, ACCURACY)

    def ended(epochs: list[Epoch]) -> bool:
        asked.append(len(epochs))
        return stop(epochs)

    epochs = list(
        fit(
            net,
            create("sgd", net, lr=1e-9),
            train=batches(blobs(30)),
            validation=batches(blobs(9, seed=2)),
            test=batches(blobs(9, seed=1)),
            epochs=50,
            seed=0,
            ended=ended,  # type: ignore[arg-type]
        )
    )
    assert [epoch.epoch for epoch in epochs] == [1, 2, 3, 4]
    assert asked == [0, 1, 2, 3, 4]
