"""The user's own training: what it gets, and how its answer is read."""

from __future__ import annotations

import math
from typing import Any

import numpy
import pytest
import torch
from torch import nn

from rectifiers.core.errors import ConfigError
from rectifiers.experiments.compare.first_call import first_call
from rectifiers.experiments.compare.own_training import train_by_user
from rectifiers.experiments.compare.references import refer
from rectifiers.experiments.compare.trial import OwnTrial
from rectifiers.training.metrics import Epoch, Measure

from .samples import make_model


def run(train: Any, **fields: Any) -> tuple[Measure, list[Epoch]]:
    trial = OwnTrial.create(network=refer(make_model), train=refer(train), **fields)
    return train_by_user(trial, make_model())


def test_numbers_and_dictionaries() -> None:
    measure, (epoch,) = run(lambda model, seed, report: 0.5)
    assert (measure.name, epoch.test_score, epoch.validation_score) == ("metric", 0.5, None)
    measure, (epoch,) = run(
        lambda model: {"test_loss": torch.tensor(0.2), "accuracy": 0.9, "val_accuracy": 0.8, "epoch": 3}
    )
    assert (measure.name, epoch.test_score, epoch.validation_score) == ("accuracy", 0.9, 0.8)
    assert epoch.test_loss == pytest.approx(0.2)
    measure, _ = run(lambda model: {"eval_loss": 0.2, "eval_runtime": 3.0, "eval_samples_per_second": 8.0})
    assert (measure.name, measure.higher_is_better) == ("loss", False)
    measure, (epoch,) = run(lambda model: {"f1": 0.7, "accuracy": 0.9}, measure="f1")
    assert (measure.name, epoch.test_score) == ("f1", 0.7)


def test_names_that_only_begin_like_those_of_other_data_count() -> None:
    measure, (epoch,) = run(lambda model: {"validity": 0.9, "loss": 0.1}, better="higher")
    assert (measure.name, epoch.test_score, epoch.validation_score) == ("validity", 0.9, None)
    others = {"val_f1": 0.1, "valF1": 0.2, "valf1": 0.3, "trainloss": 0.4, "training_loss": 0.5, "valid": 0.6}
    measure, (epoch,) = run(lambda model: {**others, "accuracy": 0.9, "loss": 0.1})
    assert (measure.name, epoch.test_score) == ("accuracy", 0.9)


@pytest.mark.parametrize("key", ["", " ", "a\nb", "\x1b[31m"])
def test_a_metric_has_a_name_of_one_line(key: str) -> None:
    for train in (lambda model: {key: 0.5}, lambda model, report: report({key: 0.5})):
        with pytest.raises(ConfigError, match=r"in the run of as it is with seed 0, .* give it a name of one line"):
            run(train)


def test_reports_become_epochs_and_the_last_one_counts() -> None:
    def train(model: nn.Module, seed: int, report: Any) -> None:
        report(1, accuracy=0.1)
        report({"accuracy": 0.2, "validation": 0.3})

    _, epochs = run(train)
    assert [epoch.test_score for epoch in epochs] == [0.1, 0.2]
    assert epochs[-1].validation_score == 0.3


def test_what_is_returned_of_the_epoch_that_was_reported_last_is_kept() -> None:
    def train(model: nn.Module, report: Any) -> dict[str, float]:
        report(accuracy=0.1)
        report(accuracy=0.2, train_loss=3.0)
        return {"accuracy": 0.2, "val_accuracy": 0.3}

    _, epochs = run(train)
    assert [epoch.test_score for epoch in epochs] == [0.1, 0.2]
    assert (epochs[-1].validation_score, epochs[-1].train_loss) == (0.3, 3.0)


def test_it_gets_its_seed_and_what_is_set() -> None:
    def train(model: nn.Module, report: Any, seed: int, lr: float = 1.0, epochs: int = 7) -> dict[str, float]:
        return {"metric": seed + lr, "validation": epochs}

    _, (epoch,) = run(train, seed=3, lr=0.5, passed=("lr",))
    assert (epoch.test_score, epoch.validation_score) == (3.5, 7)


def test_generators_are_seeded_by_the_seed() -> None:
    def train(model: nn.Module) -> float:
        return float(torch.rand(()))

    (first,), (again,), (other,) = (run(train, seed=seed)[1] for seed in (1, 1, 2))
    assert first.test_score == again.test_score != other.test_score


def test_a_metric_that_is_no_number_stays_none() -> None:
    _, (epoch,) = run(lambda model: math.nan)
    assert math.isnan(epoch.test_score)


def report_and_return_nothing(model: nn.Module, report: Any) -> None:
    report(numpy.float32(0.5))  # no name, as of a step
    report(accuracy=numpy.float32(0.5))
    report([1])


@pytest.mark.parametrize(
    "train",
    [
        lambda model: numpy.float32(0.5),
        lambda model: numpy.array([0.5]),
        lambda model: {"accuracy": numpy.float16(0.5), "done": numpy.True_},
        lambda model: {"accuracy": torch.tensor([0.5], requires_grad=True)},
        report_and_return_nothing,
    ],
)
def test_numbers_of_numpy_and_pytorch(train: Any) -> None:
    _, (epoch,) = run(train)
    assert epoch.test_score == 0.5


@pytest.mark.parametrize(
    ("train", "fields", "message"),
    [
        (lambda model, report: report(3), {}, "returned nothing; return a number or a dictionary"),
        (lambda model: {"accuracy": numpy.complex64(1)}, {}, "returned no number among accuracy"),
        (lambda model: None, {}, "returned nothing; return a number or a dictionary"),
        (lambda model: "good", {}, "must be a number, got 'good'"),
        (lambda model: {"name": "x"}, {}, "returned no number among name"),
        (lambda model: {"a": 1.0, "b": 2.0}, {}, "say which of them counts with metric='a'"),
        (lambda model: {"lr": 0.1, "val_loss": 1.0}, {}, "say which of them counts with metric='val_loss'"),
        (lambda model: {"a": 1.0}, {"measure": "b"}, r"with seed 0, .* returned a, but no b; return it from every run"),
        (lambda: 1.0, {}, "takes no arguments"),
        (lambda model, loaders: 1.0, {}, "needs loaders, which it is not given"),
        (lambda model: 1.0, {"passed": ("lr",)}, "takes no lr"),
        (lambda model: 1 / 0, {}, "in the run of as it is with seed 0, .* failed: ZeroDivisionError"),
        (lambda model: (_ for _ in ()).throw(MemoryError()), {}, "ran out of memory"),
        (lambda model, report: report(accuracy="high"), {}, "accuracy must be a number"),
    ],
)
def test_mistakes(train: Any, fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        run(train, **fields)


def test_the_first_call_shows_the_example_and_trains_nothing() -> None:
    steps: list[int] = []

    def train(model: nn.Module) -> float:
        model(torch.ones(32, 6))
        steps.append(1)
        return 0.0

    trial = OwnTrial.create(network=refer(make_model), train=refer(train))
    (example,), kwargs = first_call(trial)
    assert (tuple(example.shape), kwargs, steps) == ((8, 6), {}, [])


def test_a_training_that_never_calls_its_model() -> None:
    trial = OwnTrial.create(network=refer(make_model), train=refer(lambda model: 1.0))
    with pytest.raises(ConfigError, match="never called the model that it was given"):
        first_call(trial)


def test_a_training_that_calls_parts_of_its_model_alone_may_name_any_metric() -> None:
    def parts(model: nn.Module) -> dict[str, float]:
        return {"distance": float(model[0](torch.ones(2, 6)).sum().detach()), "other": 1.0}  # type: ignore[index]

    names = {"network": refer(make_model), "train": refer(parts), "measure": "distance", "better": "lower"}
    with pytest.raises(ConfigError, match="parts never called the model that it was given"):
        first_call(OwnTrial.create(**names))
