"""What is learned: by name, as functions, or as targets look."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from rectifiers.core.errors import ConfigError, UnknownNameError
from rectifiers.experiments.compare.references import refer
from rectifiers.experiments.compare.task import guess, higher_is_better, measure_of, task_of
from rectifiers.experiments.compare.trial import OwnTrial
from rectifiers.training.metrics import ACCURACY

LABELS, NUMBERS = torch.tensor([0, 1, 2, 1]), torch.tensor([0.5, -1.0, 2.0, 0.0])


def bias_error(outputs: Tensor, targets: Tensor) -> Tensor:
    return (outputs[:, 0] - targets).mean().abs()


def trial(**fields: object) -> OwnTrial:
    return OwnTrial.create(network="a:b#0", **fields)


@pytest.mark.parametrize(
    ("outputs", "targets", "expected"),
    [
        (torch.zeros(4, 3), LABELS, "classification"),
        (torch.zeros(4, 1), NUMBERS, "regression"),
        (torch.zeros(4, 3), torch.tensor([[0.0, 1, 1]] * 4), "multi-label"),
        (torch.zeros(2, 3, 4, 4), torch.zeros(2, 4, 4, dtype=torch.long), "pixels"),
        (torch.zeros(2, 1, 4, 4), torch.ones(2, 1, 4, 4), "segmentation"),
    ],
)
def test_targets_show_the_task(outputs: Tensor, targets: Tensor, expected: str) -> None:
    assert guess(outputs, targets) == expected


def test_measures_by_name_and_by_function() -> None:
    assert task_of(trial(), torch.zeros(4, 3), LABELS).measure.name == "accuracy"
    rmse = task_of(trial(measure="RMSE", loss="huber"), torch.zeros(4, 1), NUMBERS)
    assert (rmse.measure.name, rmse.measure.higher_is_better) == ("RMSE", False)
    own = task_of(trial(measure=refer(bias_error), unit="kg"), torch.zeros(4, 1), NUMBERS)
    assert (own.measure.name, own.measure.unit, own.measure.higher_is_better) == ("bias_error", "kg", False)
    told = task_of(trial(measure=refer(bias_error), better="higher"), torch.zeros(4, 1), NUMBERS)
    assert told.measure.higher_is_better
    with_loss = task_of(trial(loss=refer(F.multi_margin_loss)), torch.zeros(4, 3), LABELS)
    assert with_loss.loss(torch.zeros(4, 3), LABELS) == F.multi_margin_loss(torch.zeros(4, 3), LABELS)
    assert with_loss.score(with_loss.tally(F.one_hot(LABELS).float(), LABELS)) == 100


def test_names_as_people_write_them() -> None:
    outputs = torch.zeros(4, 1)
    assert task_of(trial(measure="rmse"), outputs, NUMBERS).measure.name == "RMSE"
    assert task_of(trial(measure="r2"), outputs, NUMBERS).measure.name == "R²"
    assert task_of(trial(measure="Accuracy", loss="cross_entropy"), torch.zeros(4, 3), LABELS).measure == ACCURACY


def test_a_named_measure_beside_a_loss_of_ones_own_and_the_other_way_round() -> None:
    outputs = torch.zeros(4, 1)
    mae = task_of(trial(loss=refer(F.smooth_l1_loss), measure="MAE"), outputs, NUMBERS)
    assert mae.measure.name == "MAE"
    assert mae.loss(outputs[:, 0], NUMBERS) == F.smooth_l1_loss(outputs[:, 0], NUMBERS)
    huber = task_of(trial(loss="huber", measure=refer(bias_error)), outputs, NUMBERS)
    assert huber.loss(outputs, NUMBERS) == F.huber_loss(outputs[:, 0], NUMBERS)


def test_with_a_loss_and_a_metric_of_the_users_targets_may_be_anything() -> None:
    def loss(outputs: Tensor, targets: Tensor) -> Tensor:
        return F.cross_entropy(outputs.flatten(0, 1), targets.flatten())

    def accuracy(outputs: Tensor, targets: Tensor) -> float:
        return float((outputs.argmax(-1) == targets).float().mean())

    outputs, targets = torch.zeros(4, 6, 7), torch.zeros(4, 6, dtype=torch.long)
    task = task_of(OwnTrial.create(network="", loss=refer(loss), measure=refer(accuracy)), outputs, targets)
    assert float(task.loss(outputs, targets)) == pytest.approx(math.log(7))
    with pytest.raises(ConfigError, match="or give loss=… and metric=…"):
        task_of(OwnTrial.create(network="", loss=refer(loss)), outputs, targets)


@pytest.mark.parametrize(
    ("fields", "outputs", "targets", "message"),
    [
        ({}, torch.zeros(4, 2), LABELS, "targets run from 0 to 2, but the model has 2 outputs"),
        ({}, torch.zeros(4, 3), LABELS - 1, "targets run from -1 to 1"),
        ({}, torch.zeros(4, 1), LABELS, "the model has one output; give it one for each class"),
        ({}, torch.zeros(4, 3), LABELS[:, None], r"give targets\.squeeze\(1\)"),
        ({"task": "classification"}, torch.zeros(4, 3), NUMBERS, "classification needs outputs"),
        ({"task": "multi-label"}, torch.zeros(4, 3), LABELS, "an output for each"),
        ({"measure": "f1"}, torch.zeros(4, 3), LABELS, "unknown measure of a classification"),
        ({"loss": "hinge"}, torch.zeros(4, 3), LABELS, "unknown loss of a classification"),
        ({"loss": "mse"}, torch.zeros(4, 3), LABELS, "unknown loss of a classification"),
        ({"task": "clasification"}, torch.zeros(4, 3), LABELS, "did you mean classification"),
    ],
)
def test_what_does_not_fit(fields: dict[str, str], outputs: Tensor, targets: Tensor, message: str) -> None:
    with pytest.raises((ConfigError, UnknownNameError), match=message):
        task_of(trial(**fields), outputs, targets)


def test_names_tell_what_is_better_or_nothing() -> None:
    less = ("loss", "val_loss", "RMSE", "wer", "top1_error", "perplexity", "cross_entropy", "kl", "smape", "log_loss")
    assert [higher_is_better(name) for name in less] == [False] * len(less)
    more = ("accuracy", "eval_f1", "auc", "mIoU", "R²", "score", "balanced_accuracy", "metric")
    assert [higher_is_better(name) for name in more] == [True] * len(more)
    assert [higher_is_better(name) for name in ("rms", "spread", "distance", "tardiness")] == [None] * 4
    assert [higher_is_better(name) for name in ("neg_log_loss", "test_neg_mean_squared_error", "-MSE")] == [None] * 3


def test_a_name_that_does_not_tell_is_asked_about() -> None:
    with pytest.raises(ConfigError, match=r"more or less of spread is better; give better='higher' or better='lower'"):
        measure_of(trial(), "spread")
    assert not measure_of(trial(better="lower"), "spread").higher_is_better
