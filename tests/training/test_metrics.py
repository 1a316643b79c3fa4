"""Loss and accuracy: known answers, whatever the batch size."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from rectifiers.training.batches import Batches
from rectifiers.training.metrics import Epoch, Scores
from rectifiers.training.tasks import Classification

from .samples import batches, blobs, network


def evaluate(net: nn.Module, data: Batches) -> Scores:
    return Classification().evaluate([net], data)


class Answer(nn.Module):
    """Logits that say class 0 with the odds e², whatever is asked."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return torch.tensor([2.0, 0.0, 0.0]).expand(len(images), 3)


def test_known_answer() -> None:
    """10 images have 4 of class 0 and 3 each of the others; the batches of 4, 4 and 2 must not count alike."""
    normaliser = math.log(math.exp(2) + 2)
    scores = evaluate(Answer(), batches(blobs(10), size=4))
    assert scores.loss == pytest.approx((4 * (normaliser - 2) + 6 * normaliser) / 10, rel=1e-6)
    assert scores.score == 40.0
    assert scores.top5 is None


def test_batch_size_does_not_matter() -> None:
    one, other = (evaluate(network(), batches(blobs(31), size=size)) for size in (31, 7))
    assert (one.loss, one.score) == pytest.approx((other.loss, other.score), rel=1e-5)


def test_evaluation_mode_and_no_gradients() -> None:
    net = nn.Sequential(network(), nn.Dropout(0.9)).train()
    one, other = (evaluate(net, batches(blobs(30))) for _ in range(2))
    assert one == other
    assert not net.training
    assert all(parameter.grad is None for parameter in net.parameters())


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 0.1])
def test_every_number_survives_json(value: float) -> None:
    epoch = Epoch(
        epoch=1,
        lr=0.1,
        train_loss=1.0,
        train_accuracy=50.0,
        test_loss=value,
        test_accuracy=9.8,
        train_seconds=1.0,
        test_seconds=0.5,
    )
    assert repr(Epoch.model_validate_json(epoch.model_dump_json())) == repr(epoch)
