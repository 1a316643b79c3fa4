"""A learned floor. Coefficient: the floor."""

from __future__ import annotations

import triton
import triton.language as tl

from .pointwise import Pointwise
from .tile import deposit


@triton.jit
def value(
    x, first, second, first_step, second_step, FIRSTS: tl.constexpr, SECONDS: tl.constexpr, SETTING: tl.constexpr
):
    """The larger of the input and the floor; a NaN passes."""
    theta = tl.load(first).to(tl.float32)
    return tl.where(x <= theta, theta, x)


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
    """The output is at the floor exactly where the input was at or below it, so either can be `saved`."""
    floored = saved <= tl.load(first).to(tl.float32)
    deposit(sink, 0, tl.where(floored, grad, 0.0), VARYING)
    return tl.where(floored, 0.0, grad)


pointwise = Pointwise(value, gradient, parameters=1)
