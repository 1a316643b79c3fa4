"""Zero up to a bound, the identity beyond. Coefficient: the bound, not negative, whose gradient is zero."""

from __future__ import annotations

import triton
import triton.language as tl

from .. import cut
from .pointwise import Pointwise
from .tile import deposit


@triton.jit
def value(x, c):
    """The input where it is above the bound, 0 elsewhere; a NaN passes."""
    return tl.where(x <= tl.load(c.first).to(tl.float32), 0.0, x)


@triton.jit
def gradient(grad, saved, c, sink):
    """The output is up to the bound exactly where the input was, so either can be `saved`."""
    deposit(sink, 0, 0.0 * grad)
    return tl.where(saved <= tl.load(c.first).to(tl.float32), 0.0, grad)


kernel = Pointwise(cut.formula, value, gradient)
