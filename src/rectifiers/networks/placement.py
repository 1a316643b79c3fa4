"""Where a network's activations stand, and how to put one at some of these sites and another elsewhere.

A network asks for its activations one by one, in forward order; the first is site 0.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection
from dataclasses import replace
from typing import Any

import torch
from torch import nn

from ..watching import Site, find_sites
from . import create
from .blocks import Act


def place(sites: Collection[int], inside: Act, elsewhere: Act) -> Act:
    """An `act` for one network that makes one activation at some sites and another at all others.

    Args:
        sites: indices of sites, in forward order.
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
    chosen, indices = frozenset(sites), itertools.count()

    def act(channels: int) -> nn.Module:
        return (inside if next(indices) in chosen else elsewhere)(channels)

    return act


def list_sites(name: str, *, shape: tuple[int, ...], classes: int, **options: Any) -> list[Site]:
    """All sites of a network with ReLU, in forward order, found without memory or arithmetic.

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
        >>> sites = list_sites("densenet-convrelu", shape=(3, 32, 32), classes=100)
        >>> sum("Conv2d" in site.after for site in sites), len(sites)
        (119, 120)
        >>> [site.index for site in sites if site.name.startswith("block1.")][-1]
        11
    """
    made: set[nn.Module] = set()

    def act(channels: int) -> nn.Module:
        module = nn.ReLU()
        made.add(module)
        return module

    with torch.device("meta"):
        net = create(name, act, shape=shape, classes=classes, **options)
        sites = find_sites(net, torch.empty(2, *shape))
    # Gates that are part of the architecture are not places for an activation.
    places = [site for site in sites if net.get_submodule(site.path) in made]
    return [replace(site, index=index) for index, site in enumerate(places)]
