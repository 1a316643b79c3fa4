"""A loss and a measure of the user's own, as functions."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn

from ..metrics import Measure, Scores
from .task import Task


class CustomTask(Task):
    """Any loss, and any measure of outputs and targets.

    What is evaluated is handed to `score` as a whole, so that it need not be a mean over examples (a rank correlation,
    an area under a curve). While training, the score is the mean over the batches.

    Args:
        loss: of outputs and targets; returns a tensor with one number, the mean over the batch.
        score: of outputs and targets on the CPU; returns one number.
        measure: what `score` is called, its unit, and whether more of it is better.

    Example:
        >>> bias = CustomTask(
        ...     nn.functional.mse_loss, lambda ours, theirs: (ours - theirs).mean(), Measure("bias", "kg", False)
        ... )
        >>> bias.score(bias.tally(torch.tensor([3.0]), torch.tensor([1.0])))
        2.0
    """

    def __init__(
        self,
        loss: Callable[[Tensor, Tensor], Tensor],
        score: Callable[[Tensor, Tensor], Tensor | float],
        measure: Measure,
    ) -> None:
        self._loss, self._score, self.measure = loss, score, measure

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Loss of a batch."""
        return self._loss(outputs, targets)

    def tally(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Score of the batch, times its size, and its size."""
        size = len(targets)
        return torch.tensor((float(self._score(outputs.cpu(), targets.cpu())) * size, size), dtype=torch.float64)

    def score(self, tally: Tensor) -> float:
        """Mean of the batches' scores."""
        return float(tally[0]) / float(tally[1])

    @torch.inference_mode()
    def evaluate(self, nets: Iterable[nn.Module], batches: Iterable[tuple[Tensor, Tensor]]) -> Scores:
        """Mean loss per batch, and the score of everything at once."""
        losses, pairs = 0.0, []
        for outputs, targets in self.answers(nets, batches):
            losses += float(self.loss(outputs, targets)) * len(targets)
            pairs.append((outputs.cpu(), targets.cpu()))
        outputs, targets = (torch.cat(parts) for parts in zip(*pairs, strict=True))
        return Scores(losses / len(targets), float(self._score(outputs, targets)))
