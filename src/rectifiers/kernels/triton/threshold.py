"""A learned floor. Coefficient: the floor."""

from __future__ import annotations

import triton
import triton.language as tl

from .. import threshold
from .pointwise import Pointwise
from .tile import deposit


@triton.jit
def value(x, c):
    """The larger of the input and the floor; a NaN passes."""
    theta = tl.load(c.first).to(tl.float32)
    return tl.where(x <= theta, theta, x)


@triton.jit
def gradient(grad, saved, c, sink):
    """The output is at the floor exactly where the input was at or below it, so either can be `saved`."""
    floored = saved <= tl.load(c.first).to(tl.float32)
    deposit(sink, 0, tl.where(floored, grad, 0.0))
    return tl.where(floored, 0.0, grad)


kernel = Pointwise(threshold.formula, value, gradient)
