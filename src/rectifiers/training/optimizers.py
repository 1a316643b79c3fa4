"""Optimizers with the activations' parameters in a group of their own, and the learning rate over time."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from ..core.errors import UnknownNameError
from ..core.param_groups import param_groups

OPTIMIZERS = ("adam", "rmsprop", "sgd")


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
) -> torch.optim.Optimizer:
    """An optimizer over all parameters of `net` that take gradients.

    Args:
        name: `sgd`, `adam` or `rmsprop`.
        net: the network, its lazy parameters made.
        lr: learning rate.
        momentum: of sgd and rmsprop.
        nesterov: Nesterov's form of the momentum, for sgd.
        weight_decay: L2 penalty of everything but the activations' parameters.
        activation_lr: learning rate of the activations' parameters; None takes `lr`.
        activation_weight_decay: L2 penalty of the activations' parameters.

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
    # One fused call per step: with networks of this size the loop over parameters would cost as much as a layer.
    if name == "sgd":
        return torch.optim.SGD(groups, lr=lr, momentum=momentum, nesterov=nesterov, fused=True)
    if name == "adam":
        return torch.optim.Adam(groups, lr=lr, fused=True)
    if name == "rmsprop":
        return torch.optim.RMSprop(groups, lr=lr, momentum=momentum)
    raise UnknownNameError("optimizer", name, OPTIMIZERS)


def lr_factor(
    epoch: float,
    *,
    milestones: Sequence[int] = (),
    gamma: float = 0.1,
    warmup_epochs: int = 0,
    decay: float = 0.0,
) -> float:
    """What the learning rate is multiplied by at a point of training.

    Args:
        epoch: epochs done, with the fraction of the running one, so that a warm-up rises at every step.
        milestones: epochs after which the rate is multiplied by `gamma`.
        gamma: the factor.
        warmup_epochs: epochs over which the rate rises linearly to its full value.
        decay: the rate is divided by 1 + decay·epoch.

    Example:
        >>> [lr_factor(e, milestones=(2,), warmup_epochs=1) for e in (0.5, 1.0, 2.0)]
        [0.5, 1.0, 0.1]
    """
    if epoch < warmup_epochs:
        return epoch / warmup_epochs
    factor = 1.0 / (1.0 + decay * epoch)
    for milestone in milestones:
        factor *= gamma if epoch >= milestone else 1.0
    return factor
