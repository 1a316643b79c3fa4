"""Zero up to a bound, and the identity beyond: FATReLU."""

from __future__ import annotations

import torch
from torch import Tensor

from .elementwise import ElementwiseFormula, Parameter


def reference(x: Tensor, bound: Tensor) -> Tensor:
    """The input where it is above the bound, 0 elsewhere; a NaN passes.

    The bound's gradient is zero, as that of a step is wherever it has one.
    """
    return torch.where(x <= bound, 0 * bound, x)


def _inverse(y: Tensor, bound: Tensor) -> Tensor:
    """Any input that has this output serves: all up to the bound are alike, if it is not negative."""
    return y


formula = ElementwiseFormula("cut", reference, (Parameter("bound"),), saves="output", inverse=_inverse)
