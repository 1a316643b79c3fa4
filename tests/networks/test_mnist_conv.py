"""MNIST-Conv against the paper: its sizes, and 12,930 parameters plus those of the activations."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from rectifiers import activations
from rectifiers.core.errors import ShapeError
from rectifiers.networks.mnist_conv import MNISTConv

WEIGHTS = 12_930

# Numbers per layer that AReLU's tables gave their functions.
PER_LAYER = {
    "apl_arelu": 2,
    "arelu": 2,
    "comb_arelu": 1,
    "maxout_arelu": 0,
    "pau_arelu": 10,
    "prelu": 1,
    "slaf_arelu": 2,
}

FIXED_SIZE = [
    name for name in activations.registry.names() if activations.registry.facts(name).get("kind") != "convolution"
]


def build(name: str, channels: int = 1, **arguments: Any) -> MNISTConv:
    def act(width: int) -> nn.Module:
        return activations.create(name, channels=width, **arguments)

    return MNISTConv(act, shape=(channels, 28, 28), classes=10)


def count(net: nn.Module) -> int:
    return sum(parameter.numel() for parameter in net.parameters())


@pytest.mark.parametrize(("name", "numbers"), PER_LAYER.items())
def test_parameters_of_the_papers_functions(name: str, numbers: int) -> None:
    assert count(build(name)) == WEIGHTS + 3 * numbers


def test_every_variant_of_the_paper_is_counted() -> None:
    assert {name for name in FIXED_SIZE if name.endswith("_arelu")} <= PER_LAYER.keys()


def test_layers_are_the_papers() -> None:
    kinds = [type(layer).__name__ for layer in build("relu")]
    assert kinds == ["Conv2d", "MaxPool2d", "ReLU"] * 3 + ["Flatten", "Linear"]
    convolutions = [layer for layer in build("relu") if isinstance(layer, nn.Conv2d)]
    assert [(c.out_channels, c.kernel_size, c.padding) for c in convolutions] == [
        (10, (5, 5), (0, 0)),
        (20, (5, 5), (0, 0)),
        (40, (3, 3), (0, 0)),
    ]


def test_images_shrink_as_in_the_paper() -> None:
    x = torch.rand(2, 1, 28, 28)
    sides = []
    for layer in build("relu"):
        x = layer(x)
        if isinstance(layer, nn.MaxPool2d):
            sides.append(x.shape[-1])
    assert sides == [12, 4, 1]
    assert x.shape == (2, 10)


@pytest.mark.parametrize("name", FIXED_SIZE)
def test_every_activation_fits(name: str) -> None:
    logits = build(name)(torch.rand(3, 1, 28, 28))
    assert logits.shape == (3, 10)
    assert logits.isfinite().all()


@pytest.mark.parametrize(
    ("name", "arguments", "parameters"),
    [
        # conv 1→10, 20→20, 40→40, linear 80→10
        ("crelu", {}, 260 + 10_020 + 14_440 + 810),
        # conv 1→10, 5→20, 10→40, linear 20→10
        ("maxout", {"pool_size": 2}, 260 + 2_520 + 3_640 + 210),
    ],
)
def test_next_layer_reads_what_the_activation_leaves(name: str, arguments: dict[str, Any], parameters: int) -> None:
    net = build(name, **arguments)
    assert count(net) == parameters
    assert net(torch.rand(2, 1, 28, 28)).shape == (2, 10)


def test_fraction_of_a_channel() -> None:
    with pytest.raises(ShapeError, match="Maxout cannot take 10 channels; it needs a multiple of 3"):
        build("maxout", pool_size=3)


def test_colour_images() -> None:
    assert count(build("relu", channels=3)) == WEIGHTS + 2 * 10 * 25
    assert build("relu", channels=3)(torch.rand(2, 3, 28, 28)).shape == (2, 10)


def test_wrong_image_size() -> None:
    with pytest.raises(ShapeError, match="MNIST-Conv takes images of 28×28, got 8×8; choose another network"):
        MNISTConv(lambda channels: nn.ReLU(), shape=(1, 8, 8), classes=10)
