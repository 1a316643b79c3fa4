"""A loss and a measure of the user's own, as functions."""

from __future__ import annotations

import reprlib
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn

from ...core.errors import ConfigError
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
        """Loss of a batch.

        Raises:
            ConfigError: it is not a tensor with one number, or no function of the outputs.
        """
        return one_number(self._loss(outputs, targets), outputs)

    def tally(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Score of the batch, times its size, and its size."""
        size = len(targets)
        return torch.tensor((self._measure(outputs, targets) * size, size), dtype=torch.float64, device="cpu")

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
        return Scores(losses / len(targets), self._measure(outputs, targets))

    def _measure(self, outputs: Tensor, targets: Tensor) -> float:
        found = self._score(outputs.cpu(), targets.cpu())
        try:
            return float(found)
        except (TypeError, ValueError, RuntimeError):
            raise ConfigError(f"the metric must be one number, got {_words(found)}") from None


def one_number(loss: Any, outputs: Tensor) -> Tensor:
    """A loss as it can be minimised.

    Args:
        loss: what the user's function returned.
        outputs: what it was given.

    Raises:
        ConfigError: it is not a tensor with one number, or no function of the outputs.

    Example:
        >>> one_number(torch.zeros(4), torch.zeros(4, 2))
        Traceback (most recent call last):
        rectifiers.core.errors.ConfigError: the loss must be a tensor with one number, got a tensor of shape (4,)
    """
    if not isinstance(loss, Tensor) or loss.numel() != 1:
        raise ConfigError(f"the loss must be a tensor with one number, got {_words(loss)}")
    if outputs.requires_grad and not loss.requires_grad:
        raise ConfigError(
            "the loss has no gradient: something in it takes the outputs out of the graph, such as item(), detach(), "
            "numpy() or argmax(); compute it from them with PyTorch's functions alone"
        )
    return loss.reshape(())


def _words(thing: Any) -> str:
    return f"a tensor of shape {tuple(thing.shape)}" if isinstance(thing, Tensor) else reprlib.repr(thing)
