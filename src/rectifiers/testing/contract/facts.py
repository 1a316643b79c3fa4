"""What a spec says of a function, against the function itself."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ..samples import CHANNELS, Class, build, demand, ranks


def check_monotone(cls: Class) -> None:
    """It falls somewhere exactly if the spec says that it is not monotone."""
    module, x = _along(cls, 8, 4001)
    steps = module(x).diff(dim=0)
    if cls.spec.monotone:
        demand((steps >= -1e-12).all(), "the spec says that it is monotone, but it falls somewhere")
    else:
        demand((steps < 0).any(), "the spec says that it is not monotone, but it never falls between -8 and 8")


def check_continuous_derivative(cls: Class) -> None:
    """A function without kinks has a continuous derivative."""
    module, x = _along(cls, 4, 80001)
    x.requires_grad_()
    (slope,) = torch.autograd.grad(module(x).sum(), x)
    jump = float(slope.diff(dim=0).abs().max())
    demand(jump < 1e-2, f"the spec names no kinks, but the derivative jumps by {jump:.2g}")


def _along(cls: Class, bound: float, count: int) -> tuple[Any, Tensor]:
    """A module, and numbers that rise along the batch from −`bound` to `bound`, the same ones in every channel."""
    rank = max(2, ranks(cls.spec)[0])
    x = torch.linspace(-bound, bound, count, dtype=torch.float64)
    return build(cls, rank), x.reshape(-1, *[1] * (rank - 1)).repeat(1, CHANNELS, *[1] * (rank - 2))
