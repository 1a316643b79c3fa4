"""How far a training has come, and what it has measured so far."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch

from ..core.errors import RectifiersError
from .group import current
from .metrics import Epoch
from .tasks import Task
from .update import Answer


class DivergedError(RectifiersError):
    """The training loss became NaN or infinite."""


class Progress:
    """The finished epochs, and the sums over the steps of the running one.

    Attributes:
        epochs: measurements of the finished epochs.
        steps: done in the running epoch.
        loss: sum over its examples.
        count: its examples.
        tally: what the task sums up of them.
        seconds: time that its steps took.
    """

    def __init__(self) -> None:
        self.epochs: list[Epoch] = []
        self.start_epoch()

    def start_epoch(self) -> None:
        """Begin with nothing."""
        self.steps, self.loss, self.count, self.seconds = 0, 0.0, 0, 0.0
        self.tally = torch.zeros((), dtype=torch.float32, device="cpu")

    def add(self, task: Task, answer: Answer) -> None:
        """Take in a batch.

        Raises:
            DivergedError: its loss is not finite.
        """
        loss, outputs, targets = answer
        value = loss.item()
        if not math.isfinite(value):
            raise DivergedError(f"loss is {value} in epoch {len(self.epochs) + 1}, step {self.steps + 1}")
        self.loss += value * len(targets)
        self.count += len(targets)
        self.tally = self.tally + task.tally(outputs, targets)

    def sums(self) -> dict[str, Any]:
        """The sums of all processes that train together."""
        group = current()
        if group.size == 1:
            return {"loss": self.loss, "count": self.count, "tally": self.tally}
        loss, count = group.sum(torch.tensor((self.loss, self.count), dtype=torch.float64, device="cpu")).tolist()
        return {"loss": loss, "count": int(count), "tally": group.sum(self.tally)}

    def state_dict(self) -> dict[str, Any]:
        """All of it."""
        return {**vars(self), **self.sums(), "epochs": [epoch.model_dump_json() for epoch in self.epochs]}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Go on from there; of several processes the first has what was summed up so far."""
        vars(self).update(state_dict, epochs=[Epoch.model_validate_json(epoch) for epoch in state_dict["epochs"]])
        if not current().is_first:
            self.loss, self.count, self.tally = 0.0, 0, torch.zeros_like(self.tally)
