"""Initial weights, where a paper states others than PyTorch's. Activations are left alone."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterable
from functools import partial

import torch
from torch import Tensor, nn

WEIGHTED = (nn.Conv1d, nn.Conv2d, nn.ConvTranspose2d, nn.Linear)


def normal(net: nn.Module, std: float) -> None:
    """Draw all weights from N(0, std²); biases become 0."""
    _fill(net, partial(nn.init.normal_, std=std), WEIGHTED)


def kaiming(net: nn.Module) -> None:
    """Draw the convolutions' weights from N(0, 2/n), n outputs × taps (He et al., 2015); their biases become 0.

    It is also called MSR.
    """
    draw = partial(nn.init.kaiming_normal_, mode="fan_out", nonlinearity="relu")
    _fill(net, draw, (nn.Conv1d, nn.Conv2d))


def keep_variance(convolutions: Iterable[tuple[nn.Conv2d, float]]) -> None:
    """Draw weights from N(0, g²/n), n inputs × taps; biases become 0.

    This is He's rule for any function: without batch normalisation 2/n would double the variance with each function
    that lets all of it through, as the absolute value does, or that has twice as many outputs as inputs.

    Args:
        convolutions: each convolution with g, the `gain` of the function before it.
    """
    for convolution, factor in convolutions:
        nn.init.normal_(convolution.weight, std=factor / math.sqrt(convolution.weight[0].numel()))
        if convolution.bias is not None:
            nn.init.zeros_(convolution.bias)


POINTS = 1001


def gain(function: nn.Module, channels: int) -> float:
    """Compute the factor by which a function's outputs have the mean square of its inputs.

    Args:
        function: an activation as it starts; it is left alone.
        channels: number of channels that it takes.

    Returns:
        √(E z² / E f(z)²) for normal z, to three digits of the square: √2 for ReLU and CReLU.

    Example:
        >>> gain(nn.ReLU(), 1)
        1.4142135623730951
    """
    quantiles = torch.special.ndtri((torch.arange(POINTS, dtype=torch.float64) + 0.5) / POINTS)
    values = quantiles.float().reshape(-1, 1, 1, 1).expand(-1, channels, 1, 1)
    # The parameters of some functions take the shape of the first input.
    probe = copy.deepcopy(function).eval()
    with torch.no_grad():
        # Called past its hooks, which are for what the network does.
        share = probe.forward(values).double().square().mean() / values.double().square().mean()
    if share.is_meta:  # a network that is made to be counted has no values
        return 1.0
    return math.sqrt(1 / max(round(float(share), 3), 1e-3))


def glorot(net: nn.Module) -> None:
    """Draw all weights evenly from ±√(6/(inputs + outputs)) (Glorot, Bengio, 2010); biases become 0. Keras' default."""
    _fill(net, nn.init.xavier_uniform_, WEIGHTED)


def _fill(net: nn.Module, draw: Callable[[Tensor], Tensor], kinds: tuple[type[nn.Module], ...]) -> None:
    for module in net.modules():
        if isinstance(module, kinds):
            assert isinstance(module.weight, Tensor)
            draw(module.weight)
            if isinstance(module.bias, Tensor):
                nn.init.zeros_(module.bias)
