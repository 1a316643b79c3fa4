"""Optimizer groups: activations' parameters get one of their own, for weight decay would pull slopes and thresholds."""

from __future__ import annotations

import math
from typing import Any

from torch import nn
from torch.nn.parameter import is_lazy

from .errors import ConfigError
from .learned import shaping_parameters


def param_groups(
    model: nn.Module,
    *,
    lr: float,
    weight_decay: float = 0.0,
    activation_lr: float | None = None,
    activation_weight_decay: float = 0.0,
) -> list[dict[str, Any]]:
    """Make optimizer groups of a model's parameters, with those of activations in a group of their own.

    A parameter that several modules share is in a group once. Parameters that do not require gradients are left out,
    and so are groups without parameters.

    Args:
        model: any module.
        lr: learning rate of the network's parameters.
        weight_decay: L2 penalty of the network's parameters.
        activation_lr: learning rate of the activations' parameters; None takes `lr`.
        activation_weight_decay: L2 penalty of the activations' parameters.

    Returns:
        Dictionaries for any `torch.optim` optimizer, each with a `name`: "weights" and "activations".

    Raises:
        ConfigError: a rate or penalty is outside its domain, or a parameter has no shape yet.

    Example:
        >>> model = nn.Sequential(nn.Linear(2, 2), nn.PReLU())
        >>> [(g["name"], len(g["params"]), g["weight_decay"]) for g in param_groups(model, lr=0.1, weight_decay=1e-4)]
        [('weights', 2, 0.0001), ('activations', 1, 0.0)]
    """
    rates = {"lr": lr, "activation_lr": lr if activation_lr is None else activation_lr}
    for name, value in rates.items():
        if not (value > 0 and math.isfinite(value)):
            raise ConfigError(f"{name} must be a positive number, got {value}")
    for name, value in (("weight_decay", weight_decay), ("activation_weight_decay", activation_weight_decay)):
        if not (value >= 0 and math.isfinite(value)):
            raise ConfigError(f"{name} must be zero or a positive number, got {value}")
    for name, parameter in model.named_parameters():
        if is_lazy(parameter):
            raise ConfigError(f"parameter {name} has no shape yet; call the model on one batch first")
    shaping = shaping_parameters(model)
    trainable = [parameter for parameter in model.parameters() if parameter.requires_grad]
    groups = [
        {
            "name": "weights",
            "params": [parameter for parameter in trainable if parameter not in shaping],
            "lr": lr,
            "weight_decay": weight_decay,
        },
        {
            "name": "activations",
            "params": [parameter for parameter in trainable if parameter in shaping],
            "lr": rates["activation_lr"],
            "weight_decay": activation_weight_decay,
        },
    ]
    return [group for group in groups if group["params"]]
