"""The network of a trial: its activations at their sites, initialised from the trial's streams."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import nn

from .. import activations, networks, surgery
from ..core.errors import ConfigError, UnsupportedError
from ..core.learned import shaping_parameters
from ..core.seeds import derive
from ..core.wording import listing
from ..datasets.dataset import Dataset
from ..datasets.slices import Slices
from ..networks import outside
from ..networks.outside.network import OutsideNetwork
from ..networks.placement import place
from ..surgery.where import parse_where
from ..training.fused import fuse
from . import own
from .adapter import insert_adapter
from .swapped import build_swapped
from .trial import Trial
from .weights import Weights, transplant


def build_network(trial: Trial, data: Dataset) -> nn.Module:
    """Build the network of a trial with its activations, initialised from the trial's streams.

    Activations draw from a stream of their own, so that with one seed all functions meet the same first weights. A
    ConvReLU is put into the network with `trial.base`, in place of a convolution and what comes before it. A
    network from outside that does not ask for its activations gets them by surgery.

    Raises:
        UnknownNameError: no such network or activation.
        UnsupportedError: a network without a convolution after the sites that a ConvReLU should go to.
        ConfigError: the activation or the network does not take these arguments, or there are no such sites.
    """
    with own.tell_failures(trial):
        if (swappable := _find_swappable(trial.network)) is not None:
            net = build_swapped(trial, swappable, data, _count_outputs(data))
        else:
            net = _build_around(trial, data)
        # One blank image shows the activations that have a parameter per element how many elements there are.
        torch.manual_seed(derive(trial.seed, "activation"))
        with torch.no_grad():
            net.eval()(_blank_image(data))
    layout = torch.channels_last if trial.channels_last else torch.contiguous_format
    return net.to(trial.device).to(memory_format=layout)


def prepare_network(trial: Trial, data: Dataset, start: Weights | None = None) -> nn.Module:
    """Build the network of a trial as it is trained: with faster ways, weights to start from, and an adapter.

    Args:
        trial: what is trained.
        data: its data set.
        start: weights that are taken over by name; None leaves those that were drawn.

    Raises:
        ConfigError: as for `build_network`; the weights do not fit; or there is no package for the adapter.
    """
    net = build_network(trial, data)
    if trial.fuses:
        fuse(net)
    if start is not None:
        transplant(start, net)
    if trial.adapter is not None:
        insert_adapter(trial, net)
    return net


def _find_swappable(name: str) -> OutsideNetwork | None:
    """A network from outside that brings its own activations; None for all that ask for them."""
    if not networks.is_outside(name):
        return None
    found = outside.get(name)
    return None if found.takes_act else found


def _build_around(trial: Trial, data: Dataset) -> nn.Module:
    """Build a network that asks for its activations."""
    convolution = activations.registry.facts(trial.activation).get("kind") == "convolution"
    base = _make_each(trial, trial.base, {})
    if trial.where == "all" and not convolution:
        net = _create(trial, data, _make_each(trial, trial.activation, dict(trial.activation_args)))
    elif convolution:
        net = _create(trial, data, base)
        _fold(trial, net, data)
    else:
        chosen = _choose_sites(trial, data, base)
        special = _make_each(trial, trial.activation, dict(trial.activation_args))
        net = _create(trial, data, place(chosen, special, base))
    return net


def count_parameters(net: nn.Module) -> dict[str, int]:
    """How many numbers a network has, how many are its activations', and how many are not frozen, as a result says."""
    return {
        "parameters": sum(parameter.numel() for parameter in net.parameters()),
        "activation_parameters": sum(parameter.numel() for parameter in shaping_parameters(net)),
        "trained_parameters": sum(parameter.numel() for parameter in net.parameters() if parameter.requires_grad),
    }


def _make_each(trial: Trial, name: str, arguments: Mapping[str, Any]) -> Callable[[int], nn.Module]:
    """What makes one activation after the other, each from its own stream."""
    facts = activations.registry.facts(name)
    per_element = arguments.get("share", facts.get("share")) == "element"
    count = itertools.count()

    def act(channels: int) -> nn.Module:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(derive(trial.seed, "activation", next(count)))
            try:
                return activations.create(name, channels=None if per_element else channels, **arguments)
            except TypeError as error:
                raise ConfigError(f"{name} does not take activation_args {dict(arguments)}: {error}") from None

    return act


def _create(trial: Trial, data: Dataset, act: Callable[[int], nn.Module]) -> nn.Module:
    torch.manual_seed(derive(trial.seed, "init"))
    options: dict[str, Any] = dict(trial.network_args)
    return networks.create(trial.network, act, shape=data.shape, classes=_count_outputs(data), **options)


def _count_outputs(data: Dataset) -> int:
    # A mask has one value per pixel, where the classes are two.
    return 1 if isinstance(data.train, Slices) else len(data.classes)


def _choose_sites(trial: Trial, data: Dataset, base: Callable[[int], nn.Module]) -> set[int]:
    """Numbers of the activations, in the order in which the network makes them, that stand where the trial says."""
    made: list[nn.Module] = []

    def act(channels: int) -> nn.Module:
        made.append(base(channels))
        return made[-1]

    net = _create(trial, data, act)
    named = dict(net.named_modules(remove_duplicate=False))
    sites = [site for site in surgery.find_sites(net, _blank_image(data)) if any(named[site.path] is m for m in made)]
    chosen = surgery.select(sites, parse_where(trial.where), frozenset(site.kind for site in sites))
    if not chosen:
        names = listing([site.name for site in sites])
        raise ConfigError(f"{trial.network} has no activation at where={trial.where!r}; it has them at {names}")
    return {number for number, module in enumerate(made) for site in chosen if named[site.path] is module}


def _fold(trial: Trial, net: nn.Module, data: Dataset) -> None:
    arguments: dict[str, Any] = dict(trial.activation_args)
    plan = surgery.plan_swap(
        net, trial.activation, example=_blank_image(data), where=parse_where(trial.where), **arguments
    )
    if not plan.changes:
        raise UnsupportedError(f"{trial.network} has no convolution after its sites at {trial.where!r}")
    torch.manual_seed(derive(trial.seed, "activation", 0))
    plan.apply(net)


def _blank_image(data: Dataset) -> torch.Tensor:
    return torch.zeros(1, *data.shape)
