"""Networks to test with: built without memory on the meta device, or small enough to run."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from rectifiers import activations, networks
from rectifiers.networks.blocks import Act
from rectifiers.networks.spec import NetworkSpec

from ..activations.samples import quick_first

NAMES = sorted(networks.TABLE)

DEEP = {"densenet-convrelu", "resnet-34", "resnet-50-imagenet", "resnet-101-v2", "resnet-152-v2"}
"""Networks of many layers each, whose kinds others have too."""

QUICK = [name for name in NAMES if name not in DEEP]
EACH = pytest.mark.parametrize("name", quick_first(QUICK, NAMES))

FUNCTIONS: dict[str, Act] = {
    "nn.ReLU": lambda channels: nn.ReLU(),
    "prelu": lambda channels: activations.create("prelu", share="channel", channels=channels),
    "arelu": lambda channels: activations.create("arelu", channels=channels),
    "pvlu": lambda channels: activations.create("pvlu", share="channel", channels=channels),
}


def relu(channels: int) -> nn.Module:
    return nn.ReLU()


def crelu(channels: int) -> nn.Module:
    return activations.create("crelu", channels=channels)


def spec_of(name: str) -> NetworkSpec:
    spec: NetworkSpec = networks.registry.get(name).spec
    return spec


def build(name: str, act: Act = relu, **arguments: Any) -> nn.Module:
    """The network as it was published, where `arguments` do not say otherwise."""
    spec = spec_of(name)
    return networks.create(name, act, **{"shape": spec.shape, "classes": spec.classes, **arguments})


def build_meta(name: str, act: Act = relu, **arguments: Any) -> nn.Module:
    """The same without memory: shapes alone."""
    with torch.device("meta"):
        return build(name, act, **arguments)


def inputs_of(name: str, batch: int = 2) -> Tensor:
    """Meta inputs as published."""
    return torch.empty(batch, *spec_of(name).shape, device="meta")


def count(net: nn.Module) -> int:
    return sum(parameter.numel() for parameter in net.parameters())


@cache
def published_count(name: str) -> int:
    """Parameters of the network as published, with a function that has none."""
    return count(build_meta(name))


def output_shape(name: str, batch: int = 2) -> tuple[int, ...]:
    """What a network gives: logits, or those of every place where it segments."""
    spec = spec_of(name)
    return (batch, spec.classes, *spec.shape[1:]) if name == "unet" else (batch, spec.classes)
