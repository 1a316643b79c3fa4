"""What every network keeps to."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import torch
from torch import nn

from ...activations import create
from ...core.errors import ShapeError
from ..samples import demand

_SHAPES = ((1, 8, 8), (1, 28, 28), (3, 32, 32), (3, 64, 64), (3, 224, 224))
_CLASSES = 10


def _make(network: Any, activation: str = "relu") -> tuple[nn.Module, torch.Tensor, list[nn.Module]]:
    """The network with an activation, a batch that it takes, and the activations that it asked for."""
    spec = getattr(network, "spec", None)
    refused: Exception | None = None
    for shape in (spec.shape,) if spec is not None else _SHAPES:
        made: list[nn.Module] = []

        def act(channels: int, made: list[nn.Module] = made) -> nn.Module:
            made.append(create(activation, channels=channels))
            return made[-1]

        torch.default_generator.manual_seed(0)
        try:
            net = network(act, shape=shape, classes=_CLASSES)
            x = torch.rand(3, *shape)
            net.eval()(x)
        except (ShapeError, RuntimeError) as error:
            refused = refused or error
            continue
        return net, x, made
    raise AssertionError(f"it takes none of the usual images, {_SHAPES[0]} among them: {refused}")


def check_logits(network: Any) -> None:
    """One logit per class comes out for every image."""
    net, x, _ = _make(network)
    found = tuple(net(x).shape)
    demand(found == (3, _CLASSES), f"a batch of 3 gives the shape {found}, not (3, {_CLASSES})")


def check_sites(network: Any) -> None:
    """It asks for its activations, and calls every one that it asked for."""
    net, x, made = _make(network)
    demand(made, "it asks for no activation; call act(channels) where one belongs")
    called: list[nn.Module] = []
    for module in made:
        module.register_forward_hook(lambda module, args, out: called.append(module))
    net(x)
    idle = sum(not any(module is one for one in called) for module in made)
    demand(not idle, f"{idle} of the {len(made)} activations that it asks for are never called")


def check_widening(network: Any) -> None:
    """An activation that doubles the channels fits, or is refused with a ShapeError."""
    try:
        net = network(lambda channels: create("crelu"), shape=tuple(_make(network)[1].shape[1:]), classes=_CLASSES)
    except ShapeError:
        return
    _, x, _ = _make(network)
    try:
        net.eval()(x)
    except RuntimeError as error:
        raise AssertionError(
            "CReLU doubles the channels, and the next layer does not expect that; networks.blocks.activate says how "
            f"many come out ({' '.join(str(error).split())})"
        ) from error


def check_trained(network: Any) -> None:
    """A gradient reaches every parameter."""
    net, x, _ = _make(network, "arelu")
    net.train()(x).square().sum().backward()
    idle = [name for name, parameter in net.named_parameters() if parameter.grad is None]
    demand(not idle, f"no gradient reaches {', '.join(idle[:3])}")


def check_repeatable(network: Any) -> None:
    """The same seed gives the same network, and a copy or its state computes the same."""
    net, x, _ = _make(network)
    other, _, _ = _make(network)
    demand(torch.equal(net(x), other(x)), "the same seed gives other weights; draw them from torch's own generator")
    demand(torch.equal(deepcopy(net)(x), net(x)), "a copy computes something else")
    demand(other.load_state_dict(net.state_dict()) == ([], []), "the state lacks something or has too much")
