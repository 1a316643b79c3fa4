"""How far an epoch has come, and what it has measured so far."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import torch
from torch import Tensor

from ..core.errors import RectifiersError
from .tasks import Task
from .update import Answer


class DivergedError(RectifiersError):
    """The training loss became NaN or infinite."""


@dataclass
class Progress:
    """The steps of an epoch so far.

    Args:
        epoch: its number, from 0.
        steps: how many are done.
        loss: sum over the examples.
        count: examples.
        tally: what the task sums up of them.
        seconds: time that the steps took.
    """

    epoch: int
    steps: int = 0
    loss: float = 0.0
    count: int = 0
    tally: Tensor = field(default_factory=lambda: torch.zeros(()))
    seconds: float = 0.0

    def add(self, task: Task, answer: Answer) -> None:
        """Take in a batch.

        Raises:
            DivergedError: its loss is not finite.
        """
        loss, outputs, targets = answer
        value = loss.item()
        if not math.isfinite(value):
            raise DivergedError(f"loss is {value} in epoch {self.epoch + 1}, step {self.steps + 1}")
        self.loss += value * len(targets)
        self.count += len(targets)
        self.tally = self.tally + task.tally(outputs, targets)
