"""A polynomial of ReLU. Coefficients: from the constant on."""

from __future__ import annotations

import triton
import triton.language as tl

from .. import poly_relu
from .pointwise import Pointwise
from .tile import deposit


@triton.jit
def value(x, c):
    """Σ_k a_k·max(0, x)^k; a NaN passes."""
    above = tl.where(x <= 0, 0.0, x)
    total = tl.zeros_like(x) + tl.load(c.first + (c.FIRSTS - 1) * c.first_step).to(tl.float32)
    for power in tl.static_range(c.FIRSTS - 2, -1, -1):
        total = total * above + tl.load(c.first + power * c.first_step).to(tl.float32)
    return total


@triton.jit
def gradient(grad, saved, c, sink):
    """The input is `saved`."""
    above = tl.where(saved <= 0, 0.0, saved)
    powers = grad
    total = tl.zeros_like(grad)
    for power in tl.static_range(c.FIRSTS):
        deposit(sink, power, powers)
        if power + 1 < c.FIRSTS:
            total += (power + 1) * tl.load(c.first + (power + 1) * c.first_step).to(tl.float32) * powers
            powers = powers * above
    return tl.where(saved <= 0, 0.0, total)


kernel = Pointwise(poly_relu.formula, value, gradient)
