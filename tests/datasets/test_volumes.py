"""Volumes: what preparing does to known ones, and how an epoch draws their slices."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from rectifiers.core.errors import DataError
from rectifiers.datasets.slices import Slices
from rectifiers.datasets.volumes import DEEPEST, HIGHEST, Volumes, prepare


def scores(volume: Tensor) -> Tensor:
    """Standard deviations from the mean, of what is stored."""
    return volume / 255 * (HIGHEST - DEEPEST) + DEEPEST


def stored(*volumes: Tensor, masks: Tensor | None = None) -> Slices:
    images = torch.cat(volumes).to(torch.uint8)
    patients = torch.arange(len(volumes)).repeat_interleave(torch.tensor([len(volume) for volume in volumes]))
    return Slices(images, torch.zeros_like(images[:, :1]) if masks is None else masks, patients)


def gradient(depth: int = 5, height: int = 12, width: int = 16) -> Tensor:
    """Brighter from left to right in rows 2 to 9, in two channels; the rest is dark, but not black."""
    volume = torch.full((depth, 2, height, width), 9.0)
    volume[:, :, 2:10] = torch.linspace(100, 250, width)
    volume[:, 1] /= 2
    return volume


def test_a_volume_is_cropped_squared_and_normalised() -> None:
    whole = stored(gradient(), masks=(gradient()[:, :1] > 200).to(torch.uint8))
    found = prepare(whole, "test", side=32)
    assert isinstance(found, Volumes)
    assert (len(found), found.shape, found.patients.tolist()) == (3, (2, 32, 32), [0, 0, 0])
    values = scores(found.images)
    assert values.mean((0, 2, 3)).abs().max() < 0.02
    torch.testing.assert_close(values.std((0, 2, 3), correction=0), torch.ones(2), atol=0.02, rtol=0)
    # Eight rows of sixteen columns: four rows of black above and four below, at twice the size.
    assert found.images[:, :, :7].unique(dim=2).shape[2] == found.images[:, :, -7:].unique(dim=2).shape[2] == 1
    assert (values[:, 0, 16].diff() >= 0).all()
    rows = found.masks[0, 0].any(1).nonzero().flatten().tolist()
    columns = found.masks[0, 0].any(0).nonzero().flatten().tolist()
    assert rows == list(range(8, 24))
    assert columns == list(range(columns[0], 32))
    assert found.masks.unique().tolist() == [0, 1]


def test_percentiles_cut_off_what_is_brightest() -> None:
    """By the numbers that numpy gives for a volume that needs neither cropping nor resizing."""
    volume = torch.randint(60, 200, (6, 3, 32, 32), generator=torch.Generator().manual_seed(0)).float()
    volume[2, 0, 3, 3] = 255
    inner = volume[1:-1].numpy()
    low, high = np.percentile(inner, [10, 99])
    cut = inner.clip(low, high)
    expected = (cut - cut.mean((0, 2, 3), keepdims=True)) / cut.std((0, 2, 3), keepdims=True)
    found = scores(prepare(stored(volume), "test", side=32).images)
    assert np.abs(found.numpy() - expected).max() < 0.03


def test_dark_slices_at_the_ends_are_cropped_too() -> None:
    volume = gradient(7)
    volume[:3] = 3.0
    assert len(prepare(stored(volume, gradient(4)), "test", side=16)) == 3 + 2


@pytest.mark.parametrize(
    ("volume", "told"),
    [
        (gradient(2), "test, patient 0: expected at least 3 slices, because the outermost are left out, found 2"),
        (torch.zeros(4, 2, 8, 8), "found nothing but black"),
        (torch.full((4, 2, 8, 8), 50.0), "expected images with contrast, found 50 from"),
    ],
)
def test_what_cannot_be_prepared(volume: Tensor, told: str) -> None:
    with pytest.raises(DataError, match=told):
        prepare(stored(volume), "test", side=8)


def volumes() -> Volumes:
    """Two slices of three quarters and one quarter of a mask, three slices with none."""
    masks = torch.zeros(5, 1, 2, 2, dtype=torch.uint8)
    masks[0, 0].view(-1)[:3], masks[1, 0].view(-1)[:1] = 1, 1
    return Volumes(torch.zeros(5, 3, 2, 2, dtype=torch.uint8), masks, torch.tensor([4, 4, 9, 9, 9]))


def test_slices_are_drawn_by_their_masks() -> None:
    expected = torch.tensor([(0.75 + 0.05) / 1.1, (0.25 + 0.05) / 1.1, 1 / 3, 1 / 3, 1 / 3], dtype=torch.float64)
    torch.testing.assert_close(volumes().weights, expected)
    drawn = torch.cat([volumes().order(seed, epoch) for seed in range(40) for epoch in range(50)])
    torch.testing.assert_close(drawn.bincount() / len(drawn), (expected / 2).float(), atol=0.015, rtol=0)


def test_an_epoch_has_as_many_slices_as_there_are_and_repeats_by_seed() -> None:
    assert torch.equal(volumes().order(3, 7), volumes().order(3, 7))
    assert len(volumes().order(3, 7)) == 5
    assert any(not torch.equal(volumes().order(3, 7), volumes().order(3, epoch)) for epoch in range(5))


def test_parts_of_volumes_are_volumes() -> None:
    part = volumes().part(torch.tensor([True, True, False, False, False]))
    assert isinstance(part, Volumes)
    assert part.weights.sum().item() == pytest.approx(1)
