"""What is measured in one epoch."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict


@dataclass(frozen=True)
class Measure:
    """What tells how good a network is at its task; the number that it gives is a score.

    Args:
        name: as tables show it.
        unit: of the score, "%" for instance; empty where it has none.
        higher_is_better: whether more of it is better.

    Example:
        >>> rmse = Measure("RMSE", "kg", higher_is_better=False)
        >>> str(rmse), rmse.gain(2.0, 1.5)
        ('RMSE, kg', 0.5)
    """

    name: str
    unit: str = ""
    higher_is_better: bool = True

    def gain(self, before: float, after: float) -> float:
        """By how much a score is better than another; negative where it is worse."""
        return after - before if self.higher_is_better else before - after

    def best(self, scores: Sequence[float]) -> int:
        """Find the place of the best score, the first of equals; NaN is worse than any other.

        Example:
            >>> Measure("RMSE", higher_is_better=False).best([2.0, 1.0, 1.0])
            1
        """
        sign = 1 if self.higher_is_better else -1
        return max(
            range(len(scores)), key=lambda place: -math.inf if math.isnan(scores[place]) else sign * scores[place]
        )

    def __str__(self) -> str:
        return ", ".join(filter(None, (self.name, self.unit)))


ACCURACY = Measure("accuracy", "%")
"""What most results tell."""


@dataclass(frozen=True)
class Scores:
    """How a network does on a split.

    Args:
        loss: mean per example.
        score: value of the task's measure.
        top5: percent of answers whose right class is among the five likeliest; None up to ten classes.
    """

    loss: float
    score: float
    top5: float | None = None


class Epoch(BaseModel):
    """Measurements of one epoch; scores in the unit of their measure, losses as means per example, time in seconds.

    What is called an accuracy is the score of the task, whatever its measure: the names are those that results were
    first written with. Training loss and score are taken over the steps, before the update of each; validation and test
    are evaluated after the last step and never mixed. Epoch 0 is an evaluation without training: its training loss and
    score are NaN, as are those of test data that were left alone.
    """

    # JSON has no NaN, and pydantic would write null, which does not read back; each model needs to say so itself.
    model_config = ConfigDict(ser_json_inf_nan="strings")

    epoch: int
    lr: float
    train_loss: float
    train_accuracy: float
    validation_loss: float | None = None
    validation_accuracy: float | None = None
    test_loss: float
    test_accuracy: float
    test_top5: float | None = None
    train_seconds: float
    test_seconds: float

    @property
    def train_score(self) -> float:
        """Score on the training batches, each taken before its update."""
        return self.train_accuracy

    @property
    def validation_score(self) -> float | None:
        """Score on validation data; None where none are held out."""
        return self.validation_accuracy

    @property
    def test_score(self) -> float:
        """Score on test data."""
        return self.test_accuracy
