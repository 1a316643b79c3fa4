"""The parts of a network that can be trained on their own: activations, normalisation, biases, adapter, head."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Literal

from torch import nn
from torch.nn.modules.conv import _ConvNd

from .learned import shaping_parameters

Part = Literal["activations", "norms", "biases", "adapter", "head"]

NORMS = (
    nn.BatchNorm1d,
    nn.BatchNorm2d,
    nn.BatchNorm3d,
    nn.SyncBatchNorm,
    nn.InstanceNorm1d,
    nn.InstanceNorm2d,
    nn.InstanceNorm3d,
    nn.LayerNorm,
    nn.GroupNorm,
    nn.RMSNorm,
)

BIASES = re.compile(r"(in_proj_)?bias|bias_(ih|hh).*")
"""What layers of PyTorch call their biases; those of attention and of recurrent layers have longer names."""

ADAPTED = ("lora_", "ia3_")
"""How the names of parameters begin that the package peft adds to a network."""


def parameters_of(model: nn.Module, parts: Collection[Part]) -> set[nn.Parameter]:
    """The parameters of some parts of `model`, each once.

    Args:
        model: any module.
        parts: `activations`, the parameters that shape them; `norms`, those of normalisation; `biases`, of all layers;
            `adapter`, what peft added; `head`, those of the last layer with weights.

    Example:
        >>> net = nn.Sequential(nn.Linear(2, 3), nn.LayerNorm(3), nn.PReLU(), nn.Linear(3, 2))
        >>> chosen = parameters_of(net, {"activations", "head"})
        >>> [name for name, parameter in net.named_parameters() if parameter in chosen]
        ['2.weight', '3.weight', '3.bias']
    """
    chosen: set[nn.Parameter] = set()
    if "activations" in parts:
        chosen |= shaping_parameters(model)
    if "norms" in parts:
        chosen |= {p for module in model.modules() if isinstance(module, NORMS) for p in module.parameters()}
    if "biases" in parts:
        named = ((name.rpartition(".")[2], parameter) for name, parameter in model.named_parameters())
        chosen |= {parameter for name, parameter in named if BIASES.fullmatch(name)}
    if "adapter" in parts:
        for name, parameter in model.named_parameters():
            if any(part.startswith(ADAPTED) for part in name.split(".")):
                chosen.add(parameter)
    if "head" in parts:
        layers = [module for module in model.modules() if isinstance(module, nn.Linear | _ConvNd)]
        chosen |= {parameter for layer in layers[-1:] for parameter in layer.parameters()}
    return chosen
