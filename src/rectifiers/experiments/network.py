"""The network of a trial: its activations at their sites, initialised from the trial's streams."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import nn

from .. import activations, networks, surgery
from ..core.errors import ConfigError, UnsupportedError
from ..core.seeds import derive
from ..datasets.dataset import Dataset
from ..datasets.slices import Slices
from ..networks.placement import place
from .trial import Trial


def build_network(trial: Trial, data: Dataset) -> nn.Module:
    """The network of a trial with its activations, initialised from the trial's streams.

    Activations draw from a stream of their own, so that with one seed all functions meet the same first weights. A
    ConvReLU is put into the network with `trial.base`, in place of a convolution and what stands in front of it.

    Raises:
        UnknownNameError: no such network or activation.
        UnsupportedError: a network without a convolution behind the sites that a ConvReLU should go to.
        ConfigError: the activation or the network does not take these arguments, or there are no such sites.
    """
    convolution = activations.registry.facts(trial.activation).get("kind") == "convolution"
    base = _maker(trial, trial.base, {})
    if trial.where == "all" and not convolution:
        net = _create(trial, data, _maker(trial, trial.activation, dict(trial.activation_args)))
    elif convolution:
        net = _create(trial, data, base)
        _fold(trial, net, data)
    else:
        chosen = _chosen(trial, data, base)
        special = _maker(trial, trial.activation, dict(trial.activation_args))
        net = _create(trial, data, place(chosen, special, base))
    # One blank image shows the activations that have a parameter per element how many elements there are.
    torch.manual_seed(derive(trial.seed, "activation"))
    with torch.no_grad():
        net.eval()(_blank(data))
    return net.to(trial.device).to(memory_format=torch.channels_last)


def _maker(trial: Trial, name: str, arguments: Mapping[str, Any]) -> Callable[[int], nn.Module]:
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
    # A mask has one value per pixel, where the classes are two.
    outputs = 1 if isinstance(data.train, Slices) else len(data.classes)
    return networks.create(trial.network, act, shape=data.shape, classes=outputs, **options)


def _chosen(trial: Trial, data: Dataset, base: Callable[[int], nn.Module]) -> set[int]:
    """Numbers of the activations, in the order in which the network makes them, that stand where the trial says."""
    made: list[nn.Module] = []

    def act(channels: int) -> nn.Module:
        made.append(base(channels))
        return made[-1]

    net = _create(trial, data, act)
    named = dict(net.named_modules(remove_duplicate=False))
    sites = [site for site in surgery.find_sites(net, _blank(data)) if any(named[site.path] is m for m in made)]
    chosen = surgery.select(sites, _where(trial.where), frozenset(site.kind for site in sites))
    return {number for number, module in enumerate(made) for site in chosen if named[site.path] is module}


def _fold(trial: Trial, net: nn.Module, data: Dataset) -> None:
    arguments: dict[str, Any] = dict(trial.activation_args)
    plan = surgery.plan_swap(net, trial.activation, example=_blank(data), where=_where(trial.where), **arguments)
    if not plan.changes:
        raise UnsupportedError(f"{trial.network} has no convolution behind its sites at {trial.where!r}")
    torch.manual_seed(derive(trial.seed, "activation", 0))
    plan.apply(net)


def _where(text: str) -> surgery.Where:
    """A trial's `where` as surgery reads it: numbers, words and names, separated by commas."""
    parts = [part.strip() for part in text.split(",")]
    places = [int(part) if re.fullmatch(r"-?\d+", part) else part for part in parts]
    return places[0] if len(places) == 1 else places


def _blank(data: Dataset) -> torch.Tensor:
    return torch.zeros(1, *data.shape)
