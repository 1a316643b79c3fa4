"""What a spec says of a function, against the function itself."""

from __future__ import annotations

import torch

from ..samples import Class, demand, sample


def check_monotone(cls: Class) -> None:
    """It falls somewhere exactly if the spec says that it is not monotone."""
    module, _ = sample(cls, 1)
    x = torch.linspace(-8, 8, 4001, dtype=torch.float64)
    steps = module(x).diff()
    if cls.spec.monotone:
        demand((steps >= -1e-12).all(), "the spec says that it is monotone, but it falls somewhere")
    else:
        demand((steps < 0).any(), "the spec says that it is not monotone, but it never falls between -8 and 8")


def check_continuous_derivative(cls: Class) -> None:
    """A function without kinks has a continuous derivative."""
    module, _ = sample(cls, 1)
    x = torch.linspace(-4, 4, 80001, dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(module(x).sum(), x)
    jump = float(slope.diff().abs().max())
    demand(jump < 1e-2, f"the spec names no kinks, but the derivative jumps by {jump:.2g}")
