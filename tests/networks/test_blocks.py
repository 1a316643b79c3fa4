"""What networks are built of: the channels that an activation leaves, and shapes that are refused."""

from __future__ import annotations

import pytest
from torch import nn

from rectifiers import activations
from rectifiers.core.errors import ConfigError, ShapeError
from rectifiers.networks.blocks import activate_evenly, check_image, halve_filters, scale_channels


def test_halve_all_none_or_some() -> None:
    assert halve_filters("VGG", [64, 128], halve=True) == [32, 64]
    assert halve_filters("VGG", [64, 128], halve=False) == [64, 128]
    assert halve_filters("VGG", [64, 128], halve={1}) == [64, 64]


def test_widths_stay_above_nothing() -> None:
    assert scale_channels("VGG", 64, 0.25) == 16
    assert scale_channels("VGG", 3, 0.01) == 1
    with pytest.raises(ConfigError, match="VGG: width must be positive, got -1"):
        scale_channels("VGG", 64, -1)


def test_an_even_activation_keeps_its_channels() -> None:
    assert isinstance(activate_evenly(lambda channels: nn.ReLU(), 4, "they add"), nn.ReLU)
    with pytest.raises(ShapeError, match="Maxout makes 2 channels out of 4, but they add"):
        activate_evenly(lambda channels: activations.create("maxout"), 4, "they add")


@pytest.mark.parametrize("shape", [(3, 32), (3, 32, 32, 1), (0, 32, 32)])
def test_shapes_that_are_no_image(shape: tuple[int, ...]) -> None:
    with pytest.raises(ShapeError, match=r"takes images \(channels, height, width\)"):
        check_image("VGG", shape)
