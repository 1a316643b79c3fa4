"""Any number of labels for each example."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from ...core.errors import ShapeError
from ..metrics import Measure
from .task import Task


class MultiLabel(Task):
    """Binary cross-entropy of each label, and F1 over all labels: 2·found/(2·found + missed + false alarms).

    Networks return one logit per label, positive where it holds; targets are 0 or 1, in the same shape.

    Example:
        >>> task = MultiLabel()
        >>> task.score(task.tally(torch.tensor([[3.0, 1.0, -2.0]]), torch.tensor([[1, 0, 0]])))
        66.66666666666667
    """

    measure = Measure("F1", "%")

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Mean binary cross-entropy of logits.

        Raises:
            ShapeError: there is not one logit for each label.
        """
        _check(outputs, targets)
        return F.binary_cross_entropy_with_logits(outputs, targets.to(outputs.dtype))

    def tally(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Labels that are found, predicted, and true."""
        predicted, true = outputs > 0, targets > 0
        counts = [int(labels.sum()) for labels in (predicted & true, predicted, true)]
        return torch.tensor(counts, dtype=torch.float64, device="cpu")

    def score(self, tally: Tensor) -> float:
        """F1 in percent; 100 where nothing is to be found and nothing was."""
        found, predicted, true = tally.tolist()
        return 200.0 * found / (predicted + true) if predicted + true else 100.0


def _check(outputs: Tensor, targets: Tensor) -> None:
    if outputs.shape != targets.shape:
        raise ShapeError(
            f"several labels need a logit for each, got outputs of {tuple(outputs.shape)} for targets of "
            f"{tuple(targets.shape)}; change the network's last layer, or write targets as 0 and 1"
        )
