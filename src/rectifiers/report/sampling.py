"""Values and derivatives of a function, sampled from the module itself; without what draws."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from ..activations import registry
from ..core.errors import UnsupportedError


def sample(name: str, low: float = -4.0, high: float = 4.0, points: int = 401) -> tuple[Tensor, Tensor, Tensor]:
    """Sample values and derivatives at the initial parameters, in float64 and evaluation mode.

    Args:
        name: registered name of the activation.
        low: first input.
        high: last input.
        points: how many inputs.

    Returns:
        Inputs (points,), outputs (points, outputs) and derivatives of the same shape; CReLU has two outputs.

    Raises:
        UnsupportedError: the activation is not a function of one number.
    """
    return sample_class(registry.get(name), name, low, high, points)


def sample_class(
    activation: Any, name: str, low: float = -4.0, high: float = 4.0, points: int = 401
) -> tuple[Tensor, Tensor, Tensor]:
    """Sample the values and derivatives of a class; see `sample`.

    Args:
        activation: class with a spec.
        name: what it is called.
        low: first input.
        high: last input.
        points: how many inputs.

    Raises:
        UnsupportedError: the activation is not a function of one number.
    """
    ranks = activation.spec.ranks
    numerator, denominator = activation.spec.channel_factor
    if activation.spec.kind == "convolution" or ranks[0] > 2:
        raise UnsupportedError(f"{name} cannot be plotted as a curve: a convolution is not a function of one number")
    if numerator < denominator:
        raise UnsupportedError(f"{name} cannot be plotted as a curve: it joins {denominator} channels into one")
    if activation.spec.kind == "channelwise" and numerator == denominator:
        raise UnsupportedError(f"{name} cannot be plotted as a curve: each value depends on all channels")
    module: nn.Module = activation().double().eval()
    x = torch.linspace(low, high, points, dtype=torch.float64, requires_grad=True)
    y = module(x[:, None]).reshape(points, -1)
    slopes = [torch.autograd.grad(y[:, index].sum(), x, retain_graph=True)[0] for index in range(y.shape[1])]
    return x.detach(), y.detach(), torch.stack(slopes, dim=1).detach()
