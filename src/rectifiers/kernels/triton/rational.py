"""A quotient of polynomials of any degree. Coefficients: numerator from power 0; denominator from power 1.

Option 1 is form A, 1 + Σ_k |b_k|·|x|^k below the line; option 0 is form B, 1 + |Σ_k b_k·x^k|.
"""

from __future__ import annotations

import triton
import triton.language as tl

from .. import rational
from .pointwise import Pointwise
from .tile import deposit


@triton.jit
def coefficient(place, ABSOLUTE: tl.constexpr):
    """What stands at a place, or its absolute value."""
    c = tl.load(place).to(tl.float32)
    return tl.abs(c) if ABSOLUTE else c


@triton.jit
def horner(x, coefficients, step, COUNT: tl.constexpr, ABSOLUTE: tl.constexpr):
    """Σ c_k·x^k and its derivative."""
    slope = tl.zeros_like(x)
    # Not by a first multiplication of zero, which an infinite x would turn into NaN.
    total = slope + coefficient(coefficients + (COUNT - 1) * step, ABSOLUTE)
    for k in range(1, COUNT):
        slope = slope * x + total
        total = total * x + coefficient(coefficients + (COUNT - 1 - k) * step, ABSOLUTE)
    return total, slope


@triton.jit
def sign(x):
    """1, −1, or 0 at zero."""
    return tl.where(x > 0, 1.0, tl.where(x < 0, -1.0, 0.0))


@triton.jit
def value(x, c):
    """The quotient."""
    base = tl.abs(x) if c.OPTION == 1 else x
    p, _ = horner(x, c.first, c.first_step, c.FIRSTS, False)
    q, _ = horner(base, c.second, c.second_step, c.SECONDS, c.OPTION == 1)
    return p / (1 + tl.abs(q * base))


@triton.jit
def gradient(grad, saved, c, sink):
    """The input is `saved`."""
    base = tl.abs(saved) if c.OPTION == 1 else saved
    p, p_slope = horner(saved, c.first, c.first_step, c.FIRSTS, False)
    q, q_slope = horner(base, c.second, c.second_step, c.SECONDS, c.OPTION == 1)
    d = q * base
    quotient = 1 / (1 + tl.abs(d))
    up = grad * quotient
    down = -up * (p * quotient) * sign(d)
    d_slope = q + q_slope * base
    if c.OPTION == 1:
        d_slope = d_slope * sign(saved)
    power = up
    for k in range(c.FIRSTS):
        deposit(sink, k, power)
        power = power * saved
    power = down * base
    for k in range(c.SECONDS):
        added = power
        if c.OPTION == 1:
            added = power * sign(tl.load(c.second + k * c.second_step).to(tl.float32))
        deposit(sink, c.FIRSTS + k, added)
        power = power * base
    return up * p_slope + down * d_slope


kernel = Pointwise(rational.formulas["B"], value, gradient, warps=8)
