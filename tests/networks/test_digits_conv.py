"""The smallest network: activations are asked for their channels, and the next layer reads what they leave."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from rectifiers import activations
from rectifiers.core.errors import ShapeError
from rectifiers.networks.digits_conv import DigitsConv


def test_each_activation_is_asked_for_its_channels() -> None:
    asked: list[int] = []

    def act(channels: int) -> nn.Module:
        asked.append(channels)
        return nn.ReLU()

    DigitsConv(act, shape=(1, 8, 8), classes=10)
    assert asked == [16, 32, 64]


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        # conv 1→16, 32→32, linear 256→64, 128→10
        ("crelu", 160 + 9_248 + 16_448 + 1_290),
        # conv 1→16, 8→32, linear 64→64, 32→10
        ("maxout", 160 + 2_336 + 4_160 + 330),
    ],
)
def test_next_layer_reads_what_the_activation_leaves(name: str, parameters: int) -> None:
    net = DigitsConv(lambda channels: activations.create(name, channels=channels), shape=(1, 8, 8), classes=10)
    assert sum(parameter.numel() for parameter in net.parameters()) == parameters
    assert net(torch.rand(2, 1, 8, 8)).shape == (2, 10)


def test_wrong_image_size() -> None:
    with pytest.raises(ShapeError, match="digits-conv takes images of 8×8, got 28×20; choose another network"):
        DigitsConv(lambda channels: nn.ReLU(), shape=(1, 28, 20), classes=10)
