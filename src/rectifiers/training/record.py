"""What is kept of a network's activations: their curves, and their parameters over time."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from ..core.elementwise import Elementwise

GRID = torch.linspace(-4, 4, 65)
"""Inputs at which curves are sampled."""


def learnable(net: nn.Module) -> Iterator[tuple[str, Elementwise]]:
    """Name and module of every elementwise activation with parameters."""
    for name, module in net.named_modules():
        if isinstance(module, Elementwise) and module.spec.parameters and module.spec.kind == "elementwise":
            yield name, module


@torch.no_grad()
def curve(module: Elementwise) -> Tensor:
    """The function of one activation on `GRID`, one column per channel or element; (65, units)."""
    device = module.activation_parameters()[0].device
    units = module.units or ()
    samples = GRID.to(device).reshape(-1, *(1 for _ in units)).expand(-1, *units)
    was_training = module.training
    # Channel-wise parameters meet a (samples, channels) input here, whatever dimension they belong to in the network.
    dimension, module.channel_dim = module.channel_dim, 1
    try:
        outputs: Tensor = module.eval()(samples)
        return outputs.reshape(len(GRID), -1).cpu()
    finally:
        module.channel_dim = dimension
        module.train(was_training)


@torch.no_grad()
def parameter_means(net: nn.Module) -> dict[str, float]:
    """The mean of each activation parameter, by layer and name."""
    return {
        f"{layer}.{parameter.name}": getattr(module, parameter.name).mean().item()
        for layer, module in learnable(net)
        for parameter in module.spec.parameters
    }
