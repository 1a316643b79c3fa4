"""The tasks: their losses, their measures, and how several answers become one."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from rectifiers.datasets.slices import Slices
from rectifiers.training.batches import Batches
from rectifiers.training.tasks import Classification, Segmentation, task_of

from .samples import batches, blobs, network


def volumes() -> Slices:
    """Two patients, the second with one slice: half of the first's mask is found, all of the second's."""
    masks = torch.zeros(3, 1, 2, 2, dtype=torch.uint8)
    masks[0, 0, 0], masks[2, 0, 1] = 1, 1
    images = torch.zeros(3, 1, 2, 2, dtype=torch.uint8)
    images[0, 0, 0, 0], images[2, 0, 1] = 255, 255
    return Slices(images, masks, torch.tensor([0, 0, 7]))


class Bright(nn.Module):
    """Finds what is bright."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return 200 * images - 100


def test_dice_loss_of_a_known_case() -> None:
    logits = torch.tensor([[[[0.0, 0.0]]]])
    masks = torch.tensor([[[[1, 0]]]], dtype=torch.uint8)
    assert Segmentation().loss(logits, masks).item() == pytest.approx(1 - (2 * 0.5 + 1) / (1 + 1 + 1))


def test_volumes_count_alike_however_many_slices_they_have() -> None:
    data = Batches(volumes(), 2, normalise=lambda raw: raw.float() / 255)
    assert Segmentation().evaluate([Bright()], data).accuracy == pytest.approx(100 * (2 / 3 + 1) / 2)


def test_slices_are_a_segmentation_and_labels_a_classification() -> None:
    assert isinstance(task_of(volumes()), Segmentation)
    assert isinstance(task_of(blobs(3)), Classification)


def test_top_five_is_counted_above_ten_classes() -> None:
    class Ranked(nn.Module):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return -torch.arange(12.0).expand(len(images), 12)

    split = blobs(12)
    data = batches(type(split)(split.images, torch.arange(12)))
    scores = Classification().evaluate([Ranked()], data)
    assert (scores.accuracy, scores.top5) == (pytest.approx(100 / 12), pytest.approx(500 / 12))


def test_ten_patches_and_several_networks_average_probabilities() -> None:
    class Odds(nn.Module):
        def __init__(self, *odds: float) -> None:
            super().__init__()
            self.logits = torch.tensor(odds).log()

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return self.logits.expand(len(images), 2)

    split = blobs(4)
    data = batches(type(split)(split.images, torch.zeros(4, dtype=torch.int64)))
    for patches in (1, 10):
        scores = Classification(patches).evaluate([Odds(0.9, 0.1), Odds(0.3, 0.7)], data)
        assert scores.accuracy == 100
        assert scores.loss == pytest.approx(-math.log(0.6), rel=1e-5)


def test_mirror_images_count_among_the_ten_patches() -> None:
    net, data = network(), batches(blobs(9))
    one, ten = (Classification(patches).evaluate([net], data) for patches in (1, 10))
    assert one.loss != ten.loss
