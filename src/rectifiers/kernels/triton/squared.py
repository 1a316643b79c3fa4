"""ReLU, squared. Coefficient: its scale."""

from __future__ import annotations

import triton
import triton.language as tl

from .. import squared
from .pointwise import Pointwise
from .tile import deposit


@triton.jit
def value(x, c):
    """scale·max(0, x)²; a NaN passes."""
    above = tl.where(x <= 0, 0.0, x)
    return tl.load(c.first).to(tl.float32) * above * above


@triton.jit
def gradient(grad, saved, c, sink):
    """The input is `saved`."""
    above = tl.where(saved <= 0, 0.0, saved)
    deposit(sink, 0, grad * above * above)
    return 2 * tl.load(c.first).to(tl.float32) * grad * above


kernel = Pointwise(squared.formula, value, gradient)
