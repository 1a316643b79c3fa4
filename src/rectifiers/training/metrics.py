"""What is measured in one epoch."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict


@dataclass(frozen=True)
class Scores:
    """How a network does on a split.

    Args:
        loss: mean per example.
        accuracy: percent of right answers; where masks are learned, the Dice coefficient in percent.
        top5: percent of answers whose right class is among the five likeliest; None up to ten classes.
    """

    loss: float
    accuracy: float
    top5: float | None = None


class Epoch(BaseModel):
    """Measurements of one epoch; accuracies in percent, losses as means per example, time in seconds.

    Training loss and accuracy are means over the steps, each taken before its update; validation and test are
    evaluated after the last step and never mixed. Epoch 0 is an evaluation without training: its training loss and
    accuracy are NaN.
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
