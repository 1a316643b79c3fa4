"""ReLU and hinges that open to the left. Coefficients: slopes; places."""

from __future__ import annotations

import triton
import triton.language as tl

from .. import hinges
from .pointwise import Pointwise
from .tile import deposit


@triton.jit
def value(x, c):
    """max(0, x) + Σ_s a_s·max(0, b_s − x); a NaN passes."""
    total = tl.where(x <= 0, 0.0, x)
    for hinge in range(c.FIRSTS):
        slope = tl.load(c.first + hinge * c.first_step).to(tl.float32)
        open = tl.load(c.second + hinge * c.second_step).to(tl.float32) - x
        total += slope * tl.where(open <= 0, 0.0, open)
    return total


@triton.jit
def gradient(grad, saved, c, sink):
    """The input is `saved`."""
    total = tl.where(saved <= 0, 0.0, grad)
    for hinge in range(c.FIRSTS):
        slope = tl.load(c.first + hinge * c.first_step).to(tl.float32)
        open = tl.load(c.second + hinge * c.second_step).to(tl.float32) - saved
        share = tl.where(open <= 0, 0.0, grad * slope)
        total -= share
        deposit(sink, hinge, tl.where(open <= 0, 0.0, grad * open))
        deposit(sink, c.FIRSTS + hinge, share)
    return total


kernel = Pointwise(hinges.formula, value, gradient)
