"""What is kept of a network's activations: their curves, and their parameters over time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from ..core.elementwise import Elementwise
from ..core.learned import learning_activations

GRID = torch.linspace(-4, 4, 65, dtype=torch.float32, device="cpu")
"""Inputs at which curves are sampled."""


def learnable(net: nn.Module) -> Iterator[tuple[str, Elementwise]]:
    """Name and module of every elementwise activation with parameters."""
    for name, module, _ in learning_activations(net):
        if isinstance(module, Elementwise) and module.spec.kind == "elementwise":
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


class Recorder:
    """The mean of each activation parameter every few steps of training.

    Args:
        net: any network.
        every: how many steps; 0 records nothing.

    Attributes:
        steps: at which the means were taken.
        values: layer and parameter → its means.
    """

    def __init__(self, net: nn.Module, every: int) -> None:
        self.net, self.every = net, every
        self.steps: list[int] = []
        self.values: dict[str, list[float]] = {}

    def __call__(self, step: int) -> None:
        """Record the parameters as they are now if it is time."""
        if self.every and step % self.every == 0:
            self.steps.append(step)
            for name, value in parameter_means(self.net).items():
                self.values.setdefault(name, []).append(value)

    def state_dict(self) -> dict[str, Any]:
        """What was recorded so far."""
        return {"steps": self.steps, "values": self.values}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Go on from there."""
        self.steps, self.values = state_dict["steps"], state_dict["values"]


@torch.no_grad()
def parameter_means(net: nn.Module) -> dict[str, float]:
    """The mean of each activation parameter, by layer and name."""
    return {
        f"{layer}.{parameter.name}": getattr(module, parameter.name).mean().item()
        for layer, module in learnable(net)
        for parameter in module.spec.parameters
    }
