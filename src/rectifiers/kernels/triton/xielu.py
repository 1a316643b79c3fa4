"""The integral of a slope. Coefficients: what says how fast it rises above zero, and below."""

from __future__ import annotations

import triton
import triton.language as tl

from .. import xielu
from .pointwise import Pointwise
from .tile import deposit

BETA = tl.constexpr(xielu.BETA)
NEAR = tl.constexpr(0.35)
"""Up to here a polynomial gives exp(x) − 1, and beyond it the subtraction costs no more than a rounding."""


@triton.jit
def rise(parameter):
    """Softplus of a parameter, and its derivative."""
    positive = tl.maximum(parameter, 0.0)
    small = tl.exp(-tl.abs(parameter))
    return positive + tl.log(1 + small), tl.sigmoid(parameter)


@triton.jit
def expm1_below(x):
    """exp(x) − 1 for x up to 0."""
    near = tl.maximum(x, -NEAR)
    p = near + near * near * (
        0.49999998 + near * (0.16666539 + near * (0.04166722 + near * (0.00836718 + near * 0.00138824)))
    )
    return tl.where(x < -NEAR, tl.exp(x) - 1, p)


@triton.jit
def value(x, c):
    """α⁺·x² + βx above zero, α⁻·(eˣ − 1 − x) + βx below."""
    positive, _ = rise(tl.load(c.first).to(tl.float32))
    steep, _ = rise(tl.load(c.second).to(tl.float32))
    negative = BETA + steep
    below = tl.where(x > 0, 0.0, x)
    return tl.where(x > 0, x * (positive * x + BETA), negative * expm1_below(below) + (BETA - negative) * x)


@triton.jit
def gradient(grad, saved, c, sink):
    """The input is `saved`."""
    positive, positive_slope = rise(tl.load(c.first).to(tl.float32))
    steep, negative_slope = rise(tl.load(c.second).to(tl.float32))
    negative = BETA + steep
    below = expm1_below(tl.where(saved > 0, 0.0, saved))
    deposit(sink, 0, tl.where(saved > 0, grad * saved * saved * positive_slope, 0.0))
    deposit(sink, 1, tl.where(saved > 0, 0.0, grad * (below - saved) * negative_slope))
    return grad * tl.where(saved > 0, 2 * positive * saved + BETA, negative * below + BETA)


kernel = Pointwise(xielu.formula, value, gradient)
