"""What one run gave, as `result.json` holds it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from statistics import fmean
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, ValidatorFunctionWrapHandler, WrapValidator

from ..training.metrics import ACCURACY, Epoch, Measure
from ..training.phase import Phase
from .compare.trial import AnyTrial
from .trial import Trial

FORMAT = 1

Metric = Literal[
    "first_epoch",
    "final_epoch",
    "final_top5",
    "final_train",
    "best_on_validation",
    "best_on_test",
    "online",
    "online_late",
    "online_change",
    "end_late",
    "backward_transfer",
    "parameters",
    "trained_parameters",
    "activation_share",
]

METRICS: dict[Metric, str] = {
    "first_epoch": "test accuracy after the first epoch",
    "final_epoch": "test accuracy after the last epoch",
    "final_top5": "top-5 test accuracy after the last epoch",
    "final_train": "accuracy on the training batches of the last epoch, each taken before its step",
    "best_on_validation": "test accuracy of the epoch that is best on validation data",
    "best_on_test": "test accuracy of the epoch that is best on the test data themselves (optimistic)",
    "online": "mean over all epochs of the accuracy on the training batches, each taken before its step",
    "online_late": "accuracy on the training batches, each taken before its step, over the last tenth of the phases",
    "online_change": "online_late minus the same over the first tenth of the phases, in points",
    "end_late": "test accuracy at the end of a phase, mean over the last tenth of them",
    "backward_transfer": "by how many points test accuracy on earlier phases changed after the last one, on average",
    "parameters": "trainable numbers of the network",
    "trained_parameters": "numbers of the network that were trained",
    "activation_share": "the activations' parameters in percent of all others",
}

COUNTS = frozenset({"parameters", "trained_parameters", "activation_share"})
"""Metrics that no training changes."""

CHANGES: frozenset[Metric] = frozenset({"online_change", "backward_transfer"})
"""Metrics that are differences of accuracies, in points, and may be negative."""

WHOLE = frozenset({"parameters", "trained_parameters"})
"""Metrics that are whole numbers."""


def _some(phases: Sequence[Phase]) -> int:
    """A tenth of the phases, and one at least."""
    return max(1, len(phases) // 10)


def _mean_online(phases: Sequence[Phase]) -> float:
    return fmean(phase.online for phase in phases)


def _backward_transfer(phases: Sequence[Phase]) -> float:
    """Lopez-Paz and Ranzato (2017)."""
    return fmean(phase.kept - phase.end for phase in phases[:-1] if phase.kept is not None) if phases[1:] else math.nan


_OF_PHASES: Mapping[Metric, Callable[[Sequence[Phase]], float]] = {
    "online": _mean_online,
    "online_late": lambda phases: _mean_online(phases[-_some(phases) :]),
    "online_change": lambda phases: _mean_online(phases[-_some(phases) :]) - _mean_online(phases[: _some(phases)]),
    "end_late": lambda phases: fmean(phase.end for phase in phases[-_some(phases) :]),
    "backward_transfer": _backward_transfer,
}
"""What is computed from the measurements of the phases."""


class Shape(BaseModel):
    """One layer's activation as a curve, before and after training.

    Functions that differ between channels are given by the mean over the channels and the range around it.
    """

    model_config = ConfigDict(ser_json_inf_nan="strings")

    layer: str
    x: list[float]
    before: list[float]
    after: list[float]
    after_low: list[float]
    after_high: list[float]


class Trajectory(BaseModel):
    """Activation parameters over the course of training: the mean over all elements of each."""

    model_config = ConfigDict(ser_json_inf_nan="strings")

    steps: list[int]
    values: dict[str, list[float]]


def _known_or(value: Any, read: ValidatorFunctionWrapHandler, info: ValidationInfo) -> Any:
    """Read a trial, unless the reader has found that it is the one that it looks for."""
    return info.context if value is None and info.context is not None else read(value)


class Result(BaseModel):
    """One finished run: its trial, how it ended, its metrics, and where it was made.

    `diverged` means that the loss became NaN or infinite; the epochs before stay.
    """

    format: int = FORMAT
    trial: Annotated[AnyTrial, WrapValidator(_known_or)]
    status: Literal["done", "diverged"]
    epochs: list[Epoch]
    parameters: int = Field(description="trainable parameters of the network, the activations' included")
    activation_parameters: int = Field(description="those of the activations alone")
    trained_parameters: int | None = Field(None, description="those that were not frozen; older results do not tell")
    shapes: list[Shape] = []
    trace: Trajectory | None = None
    phases: list[Phase] = Field([], description="what was measured in each phase of data that change")
    measure: Measure = Field(ACCURACY, description="what the epochs' scores tell")
    provenance: dict[str, Any] = {}

    @classmethod
    def of(cls, trial: Trial, text: bytes) -> Result:
        """Read the result of a trial that is known; where the text says so letter by letter, it is not read again.

        Args:
            trial: whose result it should be.
            text: JSON, as `model_dump_json` makes it or another program.

        Raises:
            ValidationError: the text is no result; one of another trial is returned as it is.
        """
        head = f'{{"format":{FORMAT},"trial":'
        start = f"{head}{trial.model_dump_json()}".encode()
        if not text.startswith(start):
            return cls.model_validate_json(text)
        return cls.model_validate_json(f"{head}null".encode() + text[len(start) :], context=trial)

    def value(self, metric: Metric) -> float:
        """The chosen number: a score, or a share in percent; NaN where training diverged or there are no data."""
        if self.status == "diverged":
            return math.nan
        if metric == "parameters":
            return self.parameters
        if metric == "trained_parameters":
            return math.nan if self.trained_parameters is None else self.trained_parameters
        if metric == "activation_share":
            others = self.parameters - self.activation_parameters
            return 100.0 * self.activation_parameters / others if others else math.nan
        if not self.epochs:
            return math.nan
        if metric == "first_epoch":
            return self.epochs[0].test_score
        if metric == "final_epoch":
            return self.epochs[-1].test_score
        if metric == "final_top5":
            top5 = self.epochs[-1].test_top5
            return math.nan if top5 is None else top5
        if metric == "final_train":
            return self.epochs[-1].train_score
        if metric in _OF_PHASES:
            return _OF_PHASES[metric](self.phases) if self.phases else math.nan
        if metric == "best_on_test":
            return self._test_score_where_best([epoch.test_score for epoch in self.epochs])
        return self._test_score_where_best([epoch.validation_score for epoch in self.epochs])

    def _test_score_where_best(self, scores: Sequence[float | None]) -> float:
        known = [(score, epoch) for score, epoch in zip(scores, self.epochs, strict=True) if score is not None]
        return known[self.measure.best([score for score, _ in known])][1].test_score if known else math.nan
