"""Optimizers with the activations' parameters in a group of their own."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from ..core.errors import UnknownNameError
from ..core.param_groups import param_groups
from ..core.registry import Registry

OPTIMIZERS = ("adam", "adamw", "rmsprop", "sgd")

registry: Registry[Any] = Registry("optimizer", __name__, {})
"""Those of a user's own, beside these: classes that take groups of parameters and lr."""


def create(
    name: str,
    net: nn.Module,
    *,
    lr: float,
    momentum: float = 0.0,
    nesterov: bool = False,
    weight_decay: float = 0.0,
    activation_lr: float | None = None,
    activation_weight_decay: float = 0.0,
    rho: float | None = None,
    eps: float | None = None,
    fused: bool = True,
) -> torch.optim.Optimizer:
    """An optimizer over all parameters of `net` that take gradients.

    Args:
        name: `sgd`, `adam`, `adamw` or `rmsprop`, or a registered one, which gets the groups and `lr` alone.
        net: the network, its lazy parameters made.
        lr: learning rate.
        momentum: of sgd and rmsprop.
        nesterov: Nesterov's form of the momentum, for sgd.
        weight_decay: L2 penalty of everything but the activations' parameters; adamw shrinks them directly instead.
        activation_lr: learning rate of the activations' parameters; None takes `lr`.
        activation_weight_decay: the same of the activations' parameters.
        rho: decay of rmsprop's mean of squared gradients; None takes PyTorch's 0.99.
        eps: what adam, adamw and rmsprop add to the root that they divide by; None takes PyTorch's 1e-8.
        fused: take a step in one call; what FSDP made of parameters cannot.

    Raises:
        UnknownNameError: with the nearest names.
    """
    groups = param_groups(
        net,
        lr=lr,
        weight_decay=weight_decay,
        activation_lr=activation_lr,
        activation_weight_decay=activation_weight_decay,
    )
    constants: dict[str, Any] = {} if eps is None else {"eps": eps}
    # One fused call per step: with networks of this size the loop over parameters would cost as much as a layer.
    if name == "sgd":
        return torch.optim.SGD(groups, lr=lr, momentum=momentum, nesterov=nesterov, fused=fused)
    if name == "adam":
        return torch.optim.Adam(groups, lr=lr, fused=fused, **constants)
    if name == "adamw":
        return torch.optim.AdamW(groups, lr=lr, fused=fused, **constants)
    if name == "rmsprop":
        constants |= {} if rho is None else {"alpha": rho}
        return torch.optim.RMSprop(groups, lr=lr, momentum=momentum, **constants)
    if name in registry:
        own: torch.optim.Optimizer = registry.get(name)(groups, lr=lr)
        return own
    raise UnknownNameError("optimizer", name, [*OPTIMIZERS, *registry])
