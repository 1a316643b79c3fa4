"""Trials that take a twentieth of a second, and results made by hand."""

from __future__ import annotations

from typing import Any

from rectifiers.experiments.experiment import Cell
from rectifiers.experiments.result import Result
from rectifiers.experiments.trial import Trial
from rectifiers.training.metrics import Epoch

TINY: dict[str, Any] = {
    "dataset": "digits",
    "network": "digits-conv",
    "activation": "arelu",
    "lr": 0.05,
    "train_size": 64,
    "batch_size": 24,
}


def tiny(**changes: Any) -> Trial:
    return Trial.create(**{**TINY, **changes})


def cells(*trials: Trial) -> list[Cell]:
    return [Cell(trial.activation, "digits", trial) for trial in trials]


def epoch(number: int, test: float, validation: float | None = None, test_loss: float = 0.5) -> Epoch:
    return Epoch(
        epoch=number,
        lr=0.1,
        train_loss=1.0,
        train_accuracy=50.0,
        validation_loss=None if validation is None else 0.5,
        validation_accuracy=validation,
        test_loss=test_loss,
        test_accuracy=test,
        train_seconds=1.0,
        test_seconds=0.1,
    )


def result(trial: Trial | None = None, **changes: Any) -> Result:
    fields: dict[str, Any] = {
        "trial": trial or tiny(),
        "status": "done",
        "epochs": [epoch(1, 90.0)],
        "parameters": 12_936,
        "activation_parameters": 6,
    }
    return Result(**{**fields, **changes})


def outcome(result: Result) -> dict[str, Any]:
    """All that must be the same bits each time: everything but when, where and how fast."""
    clocks = {"train_seconds", "test_seconds"}
    return result.model_dump(mode="json", exclude={"provenance": True, "epochs": {"__all__": clocks}})
