"""Two slopes meeting at zero. Coefficients: what makes the slope below zero, and the slope above.

SETTING says how slopes come from their parameters; the numbers stand in `kernels/two_slopes.py`.
"""

from __future__ import annotations

import triton
import triton.language as tl

from .pointwise import Pointwise
from .tile import deposit


@triton.jit
def slopes(first, second, SETTING: tl.constexpr):
    """Both slopes, and their derivatives with respect to the parameters."""
    negative = tl.load(first).to(tl.float32)
    positive = tl.load(second).to(tl.float32)
    below = 1.0
    above = 1.0
    if SETTING > 0:
        # The paper's bounds; no gradient outside. A NaN passes.
        below = tl.where((negative >= 0.01) & (negative <= 0.99), 1.0, 0.0)
        negative = tl.where(negative < 0.01, 0.01, tl.where(negative > 0.99, 0.99, negative))
        positive = tl.sigmoid(positive)
        above = positive * (1 - positive)
        if SETTING == 2:
            positive = 1 + positive
    return negative, positive, below, above


@triton.jit
def value(
    x, first, second, first_step, second_step, FIRSTS: tl.constexpr, SECONDS: tl.constexpr, SETTING: tl.constexpr
):
    """The input times one of the slopes."""
    negative, positive, _, _ = slopes(first, second, SETTING)
    return x * tl.where(x < 0, negative, positive)


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
    """With positive slopes the output has the sign of the input, so either can be `saved`."""
    negative, positive, below, above = slopes(first, second, SETTING)
    if INVERTED:
        below = below / negative
        above = above / positive
    deposit(sink, 0, tl.where(saved < 0, grad * saved * below, 0.0), VARYING)
    deposit(sink, 1, tl.where(saved < 0, 0.0, grad * saved * above), VARYING)
    return grad * tl.where(saved < 0, negative, positive)


pointwise = Pointwise(value, gradient, parameters=2)
