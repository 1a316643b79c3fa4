"""A network from outside with a trial's activations: it brings its own, and surgery puts others in their places."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from .. import activations, surgery
from ..core.errors import ConfigError, ShapeError, UnsupportedError
from ..core.seeds import derive
from ..core.wording import listing
from ..datasets.dataset import Dataset, shape_text
from ..datasets.slices import Slices
from ..networks.outside.network import OutsideNetwork
from ..surgery.usual import GATES
from ..surgery.where import parse_where
from ..watching import Site, kinds
from .trial import Trial


def build_swapped(trial: Trial, network: OutsideNetwork, data: Dataset, classes: int) -> nn.Module:
    """Make the network as it is, and put the trial's activation at the sites that the trial names.

    A site that already is this function, without arguments of its own, stays as it is; so do all other sites. In a
    network without trained weights, functions start as published.

    Args:
        trial: says which activation goes where; its `activation_args` may hold arguments of `swap`.
        network: what makes the network.
        data: give the shape of an input.
        classes: number of outputs.

    Raises:
        ConfigError: there are no such sites, or the activation does not take these arguments.
        ShapeError: the network does not take such inputs, or its outputs are not logits for these classes.
        UnsupportedError: a site that was named cannot be changed.
    """
    if trial.base != "relu":
        raise ConfigError(
            f"{trial.network} keeps its own activations at the other sites; leave base={trial.base!r} out"
        )
    torch.manual_seed(derive(trial.seed, "init"))
    net = network.make(data.shape, classes, dict(trial.network_args)).to("cpu")
    # Two, because batch normalisation refuses one where the survey looks at training mode.
    example = torch.zeros(2, *data.shape)
    _check_outputs(trial, net, example, None if isinstance(data.train, Slices) else classes)
    options: dict[str, Any] = dict(trial.activation_args)
    wanted = options.pop("from_", None)
    sites = surgery.find_sites(net, example)
    present = frozenset(site.kind for site in sites)
    from_ = kinds.expand(str(wanted).split(",")) if wanted is not None else present - GATES
    chosen = surgery.select(sites, parse_where(trial.where), from_) if present & from_ else []
    if not chosen:
        raise ConfigError(
            f"{trial.network} has no {' or '.join(sorted(from_)) or 'rectifier'} at {trial.where!r}; it has "
            f"{listing(sorted(present)) or 'no activations'}. Name other kinds with activation_args.from_"
        )
    todo = [site for site in chosen if site.kind != trial.activation or options]
    if todo:
        _swap(trial, net, example, todo, options)
    return net


def _swap(trial: Trial, net: nn.Module, example: torch.Tensor, sites: Sequence[Site], options: dict[str, Any]) -> None:
    if activations.registry.facts(trial.activation).get("kind") != "convolution" and "relu_like" not in options:
        options.setdefault("start", "published")
    try:
        plan = surgery.plan_swap(
            net,
            trial.activation,
            example=example,
            where=[site.name for site in sites],
            from_=sorted({site.kind for site in sites}),
            **options,
        )
    except TypeError as error:
        raise ConfigError(f"{trial.activation} does not take activation_args {options}: {error}") from None
    if plan.left:
        reasons = "; ".join(f"{left.site}: {left.reason}" for left in plan.left[:3])
        raise UnsupportedError(
            f"{trial.activation} cannot go everywhere at {trial.where!r} in {trial.network} ({reasons}); name the "
            "sites where it can with where"
        )
    torch.manual_seed(derive(trial.seed, "activation", 0))
    plan.apply(net)


def _check_outputs(trial: Trial, net: nn.Module, example: torch.Tensor, classes: int | None) -> None:
    """Make sure that the network takes the data and returns logits.

    Args:
        trial: names the network, for errors.
        net: the network.
        example: blank inputs.
        classes: how many there are; None where the outputs are masks.
    """
    try:
        with torch.no_grad():
            outputs = net.eval()(example)
    except Exception as error:
        raise ShapeError(
            f"{trial.network} does not take inputs of {shape_text(tuple(example.shape[1:]))}: "
            f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
        ) from error
    if not isinstance(outputs, torch.Tensor):
        raise ShapeError(f"{trial.network} returns {type(outputs).__name__}; expected a tensor of logits")
    if classes is not None and outputs.shape != (len(example), classes):
        raise ShapeError(
            f"{trial.network} returns {shape_text(tuple(outputs.shape))} for {len(example)} inputs; expected "
            f"{shape_text((len(example), classes))}, a logit for each class"
        )
