"""ReLU and a sum of hinges that open to the left: APL."""

from __future__ import annotations

import torch
from torch import Tensor

from .elementwise import ElementwiseFormula, Parameter


def reference(x: Tensor, a: Tensor, b: Tensor) -> Tensor:
    """max(0, x) + Σ_s a_s·max(0, b_s − x), the hinges along the first axis of `a` and `b`."""
    value = x.relu()
    for slope, place in zip(a.unbind(0), b.unbind(0), strict=True):
        value = torch.addcmul(value, slope, (place - x).relu())
    return value


formula = ElementwiseFormula("hinges", reference, (Parameter("a", listed=True), Parameter("b", listed=True)))
