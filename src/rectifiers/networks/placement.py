"""Where a network's activations stand, and how to put one at some of these sites and another elsewhere.

A network asks for its activations one by one, in forward order; the first is site 0.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from . import create
from .blocks import Act


@dataclass(frozen=True)
class Site:
    """One place of a network where an activation stands.

    Args:
        number: its number in forward order, from 0.
        channels: channels that go in.
        name: name of the module there.
        feeds_convolution: its output goes straight into a convolution.
    """

    number: int
    channels: int
    name: str
    feeds_convolution: bool

    @property
    def stage(self) -> str:
        """The part of the network that it belongs to."""
        return self.name.partition(".")[0]


def place(sites: Collection[int], inside: Act, elsewhere: Act) -> Act:
    """An `act` for one network that makes one activation at some sites and another at all others.

    Args:
        sites: numbers of sites, in forward order.
        inside: makes the activations there.
        elsewhere: makes all others.

    Returns:
        A function that counts its calls; make another one for the next network.

    Example:
        >>> act = place({0}, lambda channels: nn.PReLU(), lambda channels: nn.ReLU())
        >>> net = create("digits-conv", act, shape=(1, 8, 8), classes=10)
        >>> [type(net[index]).__name__ for index in (1, 4, 8)]
        ['PReLU', 'ReLU', 'ReLU']
    """
    chosen, numbers = frozenset(sites), itertools.count()

    def act(channels: int) -> nn.Module:
        return (inside if next(numbers) in chosen else elsewhere)(channels)

    return act


def find_sites(name: str, *, shape: tuple[int, ...], classes: int, **options: Any) -> list[Site]:
    """All sites of a network in forward order, found by building and running it without memory or arithmetic.

    Args:
        name: a registered network.
        shape: shape of one input.
        classes: number of outputs.
        **options: the network's own.

    Raises:
        UnknownNameError: with the nearest names.
        ShapeError: the network does not take such inputs.
        ConfigError: an option is unknown or outside its domain.

    Example:
        >>> sites = find_sites("densenet-convrelu", shape=(3, 32, 32), classes=100)
        >>> sum(site.feeds_convolution for site in sites), len(sites)
        (119, 120)
    """
    markers: list[nn.Identity] = []

    def act(channels: int) -> nn.Module:
        markers.append(nn.Identity())
        widths.append(channels)
        return markers[-1]

    widths: list[int] = []
    with torch.device("meta"):
        net = create(name, act, shape=shape, classes=classes, **options)
        feeding = _feeding(net, markers, torch.empty(2, *shape))
    names = {module: path for path, module in net.named_modules()}
    return [
        Site(number, channels, names[marker], marker in feeding)
        for number, (marker, channels) in enumerate(zip(markers, widths, strict=True))
    ]


def stages(name: str, *, shape: tuple[int, ...], classes: int, **options: Any) -> dict[str, tuple[int, ...]]:
    """The numbers of a network's sites by the part of the network that they belong to, in forward order.

    Args:
        name: a registered network.
        shape: shape of one input.
        classes: number of outputs.
        **options: the network's own.

    Raises:
        UnknownNameError: with the nearest names.
        ShapeError: the network does not take such inputs.
        ConfigError: an option is unknown or outside its domain.

    Example:
        >>> stages("vgg-11", shape=(3, 32, 32), classes=10)
        {'stage1': (0,), 'stage2': (1,), 'stage3': (2, 3), 'stage4': (4, 5), 'stage5': (6, 7)}
    """
    found = find_sites(name, shape=shape, classes=classes, **options)
    return {
        stage: tuple(site.number for site in sites)
        for stage, sites in itertools.groupby(found, lambda site: site.stage)
    }


def _feeding(net: nn.Module, markers: Collection[nn.Module], inputs: Tensor) -> set[nn.Module]:
    """Those of the markers whose very output a convolution takes in."""
    # The tensors are kept, so that no two of them share an identity.
    outputs: list[tuple[nn.Module, Tensor]] = []
    feeding: set[nn.Module] = set()

    def leave(module: nn.Module, _: Any, output: Tensor) -> Tensor:
        # An identity returns what it was given, which others may have been given too.
        outputs.append((module, output.view_as(output)))
        return outputs[-1][1]

    def enter(_: nn.Module, arguments: tuple[Tensor, ...]) -> None:
        feeding.update(marker for marker, output in outputs if output is arguments[0])

    for marker in markers:
        marker.register_forward_hook(leave)
    for module in net.modules():
        if isinstance(module, nn.Conv1d | nn.Conv2d | nn.Conv3d):
            module.register_forward_pre_hook(enter)
    net(inputs)
    return feeding
