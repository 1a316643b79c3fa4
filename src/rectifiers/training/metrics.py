"""What is measured in one epoch, and how a network is evaluated."""

from __future__ import annotations

import torch
from pydantic import BaseModel, ConfigDict
from torch import nn
from torch.nn import functional as F

from .batches import Batches


class Epoch(BaseModel):
    """Measurements of one epoch; accuracies in percent, losses as means per image, time in seconds.

    Training loss and accuracy are means over the steps, each taken before its update; validation and test are
    evaluated after the last step and never mixed.
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
    train_seconds: float
    test_seconds: float


@torch.inference_mode()
def evaluate(net: nn.Module, batches: Batches) -> tuple[float, float]:
    """Mean cross-entropy and accuracy in percent of `net` in evaluation mode."""
    net.eval()
    loss, hits, count = 0.0, 0, 0
    for images, labels in batches:
        logits = net(images)
        loss += F.cross_entropy(logits, labels, reduction="sum").item()
        hits += int((logits.argmax(1) == labels).sum())
        count += len(labels)
    return loss / count, 100.0 * hits / count
