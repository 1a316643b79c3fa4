"""What is learned from the user's data: by name, as functions, or as the targets look."""

from __future__ import annotations

import math
import re
import reprlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy
import torch
from torch import Tensor, nn

from ...core.errors import ConfigError, UnknownNameError
from ...training.metrics import Measure
from ...training.tasks import (
    Classification,
    CustomTask,
    MultiLabel,
    PixelClassification,
    Regression,
    Segmentation,
    Task,
)
from ...training.tasks.custom import one_number
from ...training.tasks.regression import LOSSES, MEASURES, OF_TARGETS
from .references import resolve, title
from .trial import OwnTrial

TASKS: dict[str, Callable[[], Task]] = {
    "classification": Classification,
    "multi-label": MultiLabel,
    "pixels": PixelClassification,
    "regression": Regression,
    "segmentation": Segmentation,
}
"""By name: classes, several labels at once, a class for each pixel, numbers, and masks."""


def task_of(trial: OwnTrial, outputs: Tensor, targets: Tensor) -> Task:
    """The task of a trial.

    Args:
        trial: names the task, its loss and its measure, or leaves them open.
        outputs: what the model gives for a batch.
        targets: what it should have given; they decide what a trial leaves open.

    Raises:
        ConfigError: outputs and targets do not fit the task.
        UnknownNameError: there is no such task, loss or measure; with the nearest names.
    """
    name = trial.task or guess(outputs, targets)
    if name not in TASKS:
        raise UnknownNameError("task", name, TASKS)
    if not ("#" in trial.loss and "#" in trial.measure):  # else both are the user's, who may learn anything
        _check(name, outputs, targets)
    if name == "classification" and not trial.loss and not trial.measure:
        return _classification(trial)
    for setting in ("label_smoothing", "class_weights"):
        if getattr(trial, setting):
            raise ConfigError(
                f"{setting} belongs to the loss of a classification; leave it out, or write it into loss=…"
            )
    usual = _usual(name, trial)
    loss = resolve(trial.loss) if "#" in trial.loss else usual.loss
    if "#" in trial.measure:
        return CustomTask(loss, resolve(trial.measure), measure_of(trial, title(trial.measure)))
    return _WithLoss(usual, loss) if "#" in trial.loss else usual


def _usual(name: str, trial: OwnTrial) -> Task:
    """A task with what its trial names, where these are no functions of the user's."""
    loss = "" if "#" in trial.loss else loss_name(trial.loss, name)
    measure = "" if "#" in trial.measure else measure_name(trial.measure, name)
    if name == "regression":
        return Regression(loss or "mse", measure or "R²")  # type: ignore[arg-type]
    return TASKS[name]()


def measure_name(given: str, task: str = "") -> str:
    """The name of a measure as it is written here, however the user wrote it.

    Args:
        given: what the user wrote; empty for the task's own.
        task: whose measure; empty for any task.

    Raises:
        UnknownNameError: there is no such measure; with the nearest names.

    Example:
        >>> measure_name("rmse"), measure_name("r2", "regression"), measure_name("miou")
        ('RMSE', 'R²', 'mean IoU')
    """
    known = [name for one in ([task] if task else TASKS) for name in _measures(one)]
    return _find(f"measure of a {task}" if task else "measure", given, known)


def loss_name(given: str, task: str = "") -> str:
    """The same for a loss; the one that a task has by itself is empty.

    Example:
        >>> loss_name("Huber"), loss_name("cross_entropy", "classification")
        ('huber', '')
    """
    own = {name: loss for name, loss in _USUAL.items() if task in ("", name)}
    known = [*(LOSSES if task in ("", "regression") else ()), *dict.fromkeys(own.values())]
    found = _find(f"loss of a {task}" if task else "loss", given, known)
    return "" if found in own.values() else found


_USUAL = {
    "classification": "cross-entropy",
    "multi-label": "binary cross-entropy",
    "pixels": "cross-entropy",
    "segmentation": "Dice",
}
"""What tasks have no choice of by name: the loss of each."""

_SHORT = {"acc": "accuracy", "iou": "mean IoU", "miou": "mean IoU", "dice": "Dice coefficient"}


def _measures(task: str) -> Sequence[str]:
    return list(MEASURES) if task == "regression" else [TASKS[task]().measure.name]


def _find(kind: str, given: str, known: Sequence[str]) -> str:
    def plain(name: str) -> str:
        return re.sub(r"[^a-z0-9]", "", name.lower().replace("²", "2"))

    if not given:
        return ""
    names = {plain(name): name for name in known}
    found = names.get(plain(given)) or names.get(plain(_SHORT.get(plain(given), "")))
    if found is None:
        raise UnknownNameError(kind, given, known)
    return found


class _Classes(Classification):
    """Classes as users give them: of any type of whole numbers, and explained where the model has no output for one."""

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Cross-entropy."""
        try:
            return super().loss(outputs, _as_classes(targets))
        except (IndexError, RuntimeError):
            # Only the first batch of the test data was looked at before.
            _check("classification", outputs, targets)
            raise

    def answers(
        self, nets: Iterable[nn.Module], batches: Iterable[tuple[Tensor, Tensor]]
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield logits with their classes."""
        for outputs, targets in super().answers(nets, batches):
            _check("classification", outputs, targets)
            yield outputs, _as_classes(targets)


def _as_classes(targets: Tensor) -> Tensor:
    """Classes as PyTorch's losses take them; shares of classes stay."""
    return targets if targets.is_floating_point() else targets.long()


def _classification(trial: OwnTrial) -> Classification:
    """Classes, with the settings that a trial has for them."""
    task = _Classes()
    task.smoothing = trial.label_smoothing
    if trial.class_weights == "balanced":
        raise ConfigError("balanced class_weights are for data known by name; give a number for each class")
    if trial.class_weights is not None:
        task.weights = torch.tensor(trial.class_weights, device=trial.device)
    return task


def measure_of(trial: OwnTrial, name: str) -> Measure:
    """What tells how good the network of a trial is, by the name of the user's metric.

    Raises:
        ConfigError: neither the trial nor the name says whether more of it is better.
    """
    higher = trial.better == "higher" if trial.better else higher_is_better(name)
    if higher is None:
        raise ConfigError(
            f"its name does not say whether more or less of {name} is better; give better='higher' or better='lower'"
        )
    return Measure(name, trial.unit, higher)


def read_measure(task: Task, trial: OwnTrial) -> Task:
    """Give the measure of a task the unit that a trial names, and see whether both mean the same by better.

    Raises:
        ConfigError: the measure has another unit, or is better the other way round.
    """
    measure = task.measure
    if trial.better and (trial.better == "higher") != measure.higher_is_better:
        more = "more" if measure.higher_is_better else "less"
        raise ConfigError(f"{more} {measure.name} is better, got better={trial.better!r}; leave it out")
    if trial.unit and trial.unit != measure.unit:
        if measure.name not in OF_TARGETS:
            raise ConfigError(
                f"{measure.name} {f'is in {measure.unit}' if measure.unit else 'has no unit'}, got unit="
                f"{trial.unit!r}; leave it out"
            )
        task.measure = replace(measure, unit=trial.unit)
    return task


def guess(outputs: Tensor, targets: Tensor) -> str:
    """Tell a task by what a model gives, and what it should have given.

    Example:
        >>> import torch
        >>> guess(torch.zeros(4, 3), torch.zeros(4, dtype=torch.long)), guess(torch.zeros(4, 1), torch.rand(4, 1))
        ('classification', 'regression')
    """
    if outputs.dim() == 4 and targets.dim() >= 3 and not targets.is_floating_point() and outputs.shape[1] > 1:
        return "pixels"
    zeros_and_ones = bool(((targets == 0) | (targets == 1)).all())
    if outputs.dim() == 4 and outputs.shape == targets.shape and zeros_and_ones:
        return "segmentation"
    if targets.shape == outputs.shape and targets.dim() == 2 and zeros_and_ones:
        return "multi-label"
    if targets.is_floating_point():
        return "regression"
    return "classification"


class _WithLoss(Task):
    """A task with another loss."""

    def __init__(self, task: Task, loss: Callable[[Tensor, Tensor], Tensor]) -> None:
        self.task, self._loss, self.measure = task, loss, task.measure

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """The loss given."""
        return one_number(self._loss(outputs, targets), outputs)

    def tally(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """As in the task."""
        return self.task.tally(outputs, targets)

    def score(self, tally: Tensor) -> float:
        """As in the task."""
        return self.task.score(tally)


def _check(name: str, outputs: Tensor, targets: Tensor) -> None:
    """Make sure that a model answers what the task asks.

    Raises:
        ConfigError: it does not.
    """
    given = f"outputs of shape {_shape(outputs)} and targets of shape {_shape(targets)}"
    if name == "classification":
        if outputs.dim() != 2 or targets.dim() != 1 or targets.is_floating_point():
            column = outputs.dim() == 2 and targets.dim() == 2 and targets.shape[1] == 1
            advice = "give targets.squeeze(1)" if column else "name another task=…, or give loss=… and metric=…"
            raise ConfigError(
                f"classification needs outputs N×classes and whole numbers N as targets, got {given} "
                f"({str(targets.dtype).removeprefix('torch.')}); {advice}"
            )
        classes = _as_classes(targets)
        low, high = int(classes.min()), int(classes.max())
        if low < 0 or high >= outputs.shape[1]:
            if outputs.shape[1] == 1:
                raise ConfigError(
                    f"targets run from {low} to {high}, but the model has one output; give it one for each class, or "
                    "name task='regression'; one output for two classes needs targets of shape N×1, and is learned by "
                    "binary cross-entropy"
                )
            raise ConfigError(
                f"targets run from {low} to {high}, but the model has {outputs.shape[1]} outputs, for classes 0 to "
                f"{outputs.shape[1] - 1}; make its last layer larger, or name task='regression'"
            )
    elif name == "multi-label" and outputs.shape != targets.shape:
        raise ConfigError(f"several labels need an output for each, got {given}")
    elif name == "segmentation" and (outputs.dim() != 4 or outputs.shape != targets.shape):
        raise ConfigError(f"a segmentation needs outputs N×1×H×W and masks of the same shape, got {given}")


def _shape(tensor: Tensor) -> str:
    return "×".join(map(str, tensor.shape)) or "()"


def check_metric(value: Any, name: str) -> float:
    """A metric as a number.

    Raises:
        ConfigError: it is none.
    """
    number = as_number(value)
    if number is None:
        given = f"a tensor of shape {_shape(value)}" if isinstance(value, Tensor) else reprlib.repr(value)
        raise ConfigError(f"{name} must be a number, got {given}")
    return number


def as_number(value: Any) -> float | None:
    """The number that a value holds, as a tensor or an array of one entry does too; None where it holds none.

    Example:
        >>> as_number(3), as_number(torch.tensor([0.5])), as_number(True), as_number("90 %")
        (3.0, 0.5, None, None)
    """
    if isinstance(value, Tensor | numpy.generic | numpy.ndarray) and math.prod(value.shape) == 1:
        value = value.item()
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def higher_is_better(name: str) -> bool | None:
    """Whether more of a measure is better, by its name; None where that does not tell.

    Example:
        >>> higher_is_better("eval_f1"), higher_is_better("val_loss"), higher_is_better("spread")
        (True, False, None)
    """
    words = name.lower().replace("-", "_").split("_")
    # Of an error that is negated, as scikit-learn's neg_log_loss, more is better; but the word may mean something else.
    if name.startswith(("-", "−")) or _NEGATED & set(words):
        return None
    if any(word in _LESS or word.endswith(("loss", "error", "entropy", "divergence")) for word in words):
        return False
    return True if any(word in _MORE or word.endswith(("accuracy", "score")) for word in words) else None


_NEGATED = frozenset(["neg", "negated", "negative"])
_LESS = frozenset(
    [
        "bce",
        "bpb",
        "bpc",
        "brier",
        "cer",
        "crps",
        "deviance",
        "ece",
        "eer",
        "err",
        "fid",
        "fnr",
        "fpr",
        "huber",
        "kl",
        "logloss",
        "mae",
        "mape",
        "medae",
        "mse",
        "nll",
        "nrmse",
        "perplexity",
        "pinball",
        "ppl",
        "quantile",
        "regret",
        "rmse",
        "rmsle",
        "smape",
        "wer",
    ]
)
_MORE = frozenset(
    [
        "acc",
        "accuracy",
        "ap",
        "auc",
        "auprc",
        "auroc",
        "bleu",
        "correct",
        "correlation",
        "dice",
        "dsc",
        "f1",
        "iou",
        "jaccard",
        "kappa",
        "map",
        "mcc",
        "metric",
        "miou",
        "mrr",
        "ndcg",
        "pearson",
        "precision",
        "psnr",
        "r2",
        "r²",
        "recall",
        "reward",
        "rouge",
        "score",
        "sensitivity",
        "spearman",
        "specificity",
        "ssim",
        "top1",
        "top5",
    ]
)
