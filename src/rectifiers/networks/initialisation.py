"""First weights, where a paper states others than PyTorch's. Activations are left alone."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Literal

from torch import Tensor, nn

WEIGHTED = (nn.Conv1d, nn.Conv2d, nn.ConvTranspose2d, nn.Linear)


def normal(net: nn.Module, std: float) -> None:
    """Draw all weights from N(0, std²); biases become 0."""
    _fill(net, partial(nn.init.normal_, std=std), WEIGHTED)


def kaiming(net: nn.Module, fan: Literal["fan_in", "fan_out"] = "fan_out") -> None:
    """Draw the convolutions' weights from N(0, 2/n) (He et al., 2015); their biases become 0.

    It is also called MSR.

    Args:
        net: the network.
        fan: n is inputs × taps or outputs × taps. The first keeps the variance of the values where functions change the
            number of channels, as CReLU does; without batch norm the other would double it with each CReLU.
    """
    draw = partial(nn.init.kaiming_normal_, mode=fan, nonlinearity="relu")
    _fill(net, draw, (nn.Conv1d, nn.Conv2d))


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
