"""ReLU and hinges that open to the left. Coefficients: slopes; places."""

from __future__ import annotations

import triton
import triton.language as tl

from .pointwise import Pointwise
from .tile import deposit


@triton.jit
def value(
    x, first, second, first_step, second_step, FIRSTS: tl.constexpr, SECONDS: tl.constexpr, SETTING: tl.constexpr
):
    """max(0, x) + Σ_s a_s·max(0, b_s − x); a NaN passes."""
    total = tl.where(x <= 0, 0.0, x)
    for hinge in range(FIRSTS):
        slope = tl.load(first + hinge * first_step).to(tl.float32)
        open = tl.load(second + hinge * second_step).to(tl.float32) - x
        total += slope * tl.where(open <= 0, 0.0, open)
    return total


@triton.jit
def gradient(
    grad,
    saved,
    first,
    second,
    first_step,
    second_step,
    sink,
    FIRSTS: tl.constexpr,
    SECONDS: tl.constexpr,
    SETTING: tl.constexpr,
    INVERTED: tl.constexpr,
    VARYING: tl.constexpr,
):
    """The input is `saved`."""
    total = tl.where(saved <= 0, 0.0, grad)
    for hinge in range(FIRSTS):
        slope = tl.load(first + hinge * first_step).to(tl.float32)
        open = tl.load(second + hinge * second_step).to(tl.float32) - saved
        share = tl.where(open <= 0, 0.0, grad * slope)
        total -= share
        deposit(sink, hinge, tl.where(open <= 0, 0.0, grad * open), VARYING)
        deposit(sink, FIRSTS + hinge, share, VARYING)
    return total


pointwise = Pointwise(value, gradient, parameters=2, listed=True)
