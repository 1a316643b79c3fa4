"""Numbers for each example."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from ...core.errors import ShapeError, UnknownNameError
from ..metrics import Measure
from .task import Task

LOSSES: Mapping[str, Callable[[Tensor, Tensor], Tensor]] = {
    "mse": F.mse_loss,
    "l1": F.l1_loss,
    "huber": F.huber_loss,
}
"""By name, each a mean over all numbers."""

MEASURES = {
    measure.name: measure
    for measure in (
        Measure("R²"),
        Measure("explained variance", "%"),
        Measure("RMSE", higher_is_better=False),
        Measure("MAE", higher_is_better=False),
    )
}
"""By name; errors are in the unit of the targets."""

OF_TARGETS = frozenset(["RMSE", "MAE"])
"""Those in the unit of the targets."""

_ROUNDING = 1e-10
"""Share of Σy² below which a sum of squared deviations may be nothing but rounding."""


class Regression(Task):
    """A loss of differences, and how far the answers are from the targets.

    R² is 1 − Σ(y − ŷ)²/Σ(y − ȳ)² of each output, and the mean of these; NaN where a target does not vary.

    Args:
        loss: `mse`, `l1` or `huber`.
        measure: `R²`, `explained variance` (the same in percent), `RMSE` or `MAE`.

    Raises:
        UnknownNameError: with the nearest names.

    Example:
        >>> task = Regression(measure="RMSE")
        >>> round(task.score(task.tally(torch.tensor([1.0, 2.0]), torch.tensor([1.0, 4.0]))), 6)
        1.414214
    """

    def __init__(self, loss: str = "mse", measure: Literal["R²", "explained variance", "RMSE", "MAE"] = "R²") -> None:
        if loss not in LOSSES:
            raise UnknownNameError("loss of a regression", loss, LOSSES)
        if measure not in MEASURES:
            raise UnknownNameError("measure of a regression", measure, MEASURES)
        self._loss, self.measure = LOSSES[loss], MEASURES[measure]

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Mean loss over all numbers of a batch.

        Raises:
            ShapeError: outputs and targets have different shapes.
        """
        outputs = _like(outputs, targets)
        return self._loss(outputs, targets.to(outputs.dtype))

    def tally(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Sums for each output, (5, outputs): count, y, y², (y − ŷ)² and |y − ŷ|."""
        true = targets.cpu().reshape(len(targets), -1).double()
        away = _like(outputs, targets).cpu().reshape(len(targets), -1).double() - true
        return torch.stack((torch.ones_like(true), true, true**2, away**2, away.abs())).sum(1)

    def score(self, tally: Tensor) -> float:
        """The measure over all examples."""
        count, total, squares, squared, absolute = tally
        if self.measure.name == "RMSE":
            return float((squared.sum() / count.sum()).sqrt())
        if self.measure.name == "MAE":
            return float(absolute.sum() / count.sum())
        spread = squares - total**2 / count
        known = torch.where(spread > _ROUNDING * squares, 1 - squared / spread, torch.nan)
        return float(known.mean()) * (100 if self.measure.unit == "%" else 1)


def _like(outputs: Tensor, targets: Tensor) -> Tensor:
    """The outputs in the shape of the targets; they may have a last dimension of 1 that targets lack.

    Raises:
        ShapeError: they differ otherwise, which would be broadcast.
    """
    if outputs.shape == (*targets.shape, 1):
        return outputs.squeeze(-1)
    if outputs.shape != targets.shape:
        labels = outputs.dim() == 2 and targets.numel() == len(targets) and bool((targets == targets.round()).all())
        advice = "; for classes, give whole numbers: targets.long(), one for each example" if labels else ""
        raise ShapeError(
            f"a regression needs outputs in the shape of the targets, got {tuple(outputs.shape)} for "
            f"{tuple(targets.shape)}; change the network's last layer, or the shape of the targets{advice}"
        )
    return outputs
