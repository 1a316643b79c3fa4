"""A polynomial of ReLU: PolyReLU."""

from __future__ import annotations

import torch
from torch import Tensor

from .elementwise import ElementwiseFormula, Parameter

COUNT = 4
"""Coefficients that the kernels take: from the constant to the third power."""


def reference(x: Tensor, a: Tensor) -> Tensor:
    """Σ_k a_k·max(0, x)^k, the coefficients along the first axis of `a`."""
    *rest, value = a.unbind(0)
    above = x.relu()
    for factor in reversed(rest):
        value = torch.addcmul(factor, value, above)
    return value


formula = ElementwiseFormula("poly_relu", reference, (Parameter("a", listed=True, count=COUNT),))
