"""Powers of the input, each brought to a mean square of one along an axis, and summed: PolyNorm."""

from __future__ import annotations

import torch
from torch import Tensor

from .elementwise import ElementwiseFormula, Parameter

EPSILON = 1e-6
"""What keeps a mean square from zero, as in the authors' code."""

COUNT = 4
"""Coefficients that the kernels take: a constant, and those of three powers."""


def reference(x: Tensor, a: Tensor, axis: int) -> Tensor:
    """a_0 + Σ_k a_k·x^k / √(mean of x^2k along `axis` + ε), the coefficients along the first axis of `a`."""
    constant, *rest = a.unbind(0)
    # With `x` in it, the constant alone has the shape of `x`, too.
    value, power = constant + torch.zeros_like(x), torch.ones_like(x)
    for factor in rest:
        power = power * x
        value = torch.addcmul(value, factor, power * torch.rsqrt(power.square().mean(axis, keepdim=True) + EPSILON))
    return value


formula = ElementwiseFormula("poly_norm", reference, (Parameter("a", listed=True, count=COUNT),), along=True)
