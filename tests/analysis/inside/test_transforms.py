"""Movements against torchvision's."""

from __future__ import annotations

import pytest
import torch
from torchvision.transforms import InterpolationMode
from torchvision.transforms.v2 import functional as reference

from rectifiers.analysis.inside.transforms import flips, rotations, translations

from ..models import pictures


@pytest.mark.parametrize("degrees", [-15, 10, 90])
def test_rotations_are_those_of_torchvision_inside(degrees: int) -> None:
    images = pictures(2, size=16)[..., :12]
    (turn,) = rotations([degrees])
    expected = reference.rotate(images, degrees, interpolation=InterpolationMode.BILINEAR)
    torch.testing.assert_close(turn(images)[..., 5:11, 4:8], expected[..., 5:11, 4:8], atol=1e-4, rtol=1e-4)


def test_translations_move_and_repeat_the_border() -> None:
    images = pictures(2)
    right, left, down, up = translations([2])
    assert torch.equal(right(images)[..., 2:], images[..., :-2])
    assert torch.equal(right(images)[..., 0], images[..., 0])
    assert torch.equal(left(images)[..., :-2], images[..., 2:])
    assert torch.equal(down(images)[..., 2:, :], images[..., :-2, :])
    assert torch.equal(up(images)[..., -1, :], images[..., -1, :])


def test_flips_are_their_own_inverse() -> None:
    images = pictures(2)
    (flip,) = flips()
    assert torch.equal(flip(flip(images)), images)
    assert torch.equal(flip(images)[..., 0], images[..., -1])
