"""What can be seen of a function of one number by calling it: whether it rises, and where its slope jumps."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def _grid() -> Tensor:
    # Not symmetric about zero, where the slope of a function with a kink there is a matter of taste.
    return torch.linspace(-4.003, 4.001, 802, dtype=torch.float64)


def as_images(x: Tensor) -> Tensor:
    """Return numbers as a batch of images of one pixel and four channels, which functions with channels take, too."""
    return x.reshape(-1, 1, 1, 1).repeat(1, 4, 1, 1)  # no view: a function may write over its input


@torch.no_grad()
def is_monotone(module: nn.Module) -> bool:
    """Whether a function never falls between −4 and 4.

    Args:
        module: elementwise, in float64 and evaluation mode; where it has channels, four of them.

    Example:
        >>> is_monotone(nn.Tanh()), is_monotone(nn.GELU())
        (True, False)
    """
    return bool((module(as_images(_grid())).diff(dim=0) >= -1e-12).all())


def find_kinks(module: nn.Module) -> tuple[float, ...]:
    """Where the slope of a function jumps between −4 and 4: found by halving the intervals in which it changes most.

    Args:
        module: elementwise, in float64 and evaluation mode; where it has channels, four of them.

    Example:
        >>> find_kinks(nn.ReLU6()), find_kinks(nn.Hardshrink(1.5)), find_kinks(nn.Tanh())
        ((0.0,), (-1.5, 1.5), ())
    """
    x = _grid()
    low, high, slopes = x[:-1], x[1:], _slopes(module, x)
    left, right = slopes[:-1], slopes[1:]
    for _ in range(40):
        middle = (low + high) / 2
        slope = _slopes(module, middle)
        earlier = (slope - left).abs() > (right - slope).abs()
        low, high = torch.where(earlier, low, middle), torch.where(earlier, middle, high)
        left, right = torch.where(earlier, left, slope), torch.where(earlier, slope, right)
    found = high[(right - left).abs() > 1e-4]
    return tuple(round(place, 6) + 0.0 for place in found.tolist())


def _slopes(module: nn.Module, x: Tensor) -> Tensor:
    leaf = x.clone().requires_grad_()
    y = module(as_images(leaf)).mean(dim=1).sum()
    return torch.autograd.grad(y, leaf)[0] if y.requires_grad else torch.zeros_like(x)
