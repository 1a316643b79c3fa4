"""Two slopes meeting at zero. Coefficients: what makes the slope below zero, and the slope above.

The option says what makes slopes of them, as in `kernels/two_slopes.py`.
"""

from __future__ import annotations

import triton
import triton.language as tl

from .. import two_slopes
from .pointwise import Pointwise
from .tile import deposit

LOW, HIGH = map(tl.constexpr, two_slopes.CLAMP)


@triton.jit
def slopes(c):
    """Both slopes, and their derivatives with respect to the parameters."""
    negative = tl.load(c.first).to(tl.float32)
    positive = tl.load(c.second).to(tl.float32)
    below = 1.0
    above = 1.0
    if c.OPTION > 0:
        # The paper's bounds; no gradient outside. A NaN passes.
        below = tl.where((negative >= LOW) & (negative <= HIGH), 1.0, 0.0)
        negative = tl.where(negative < LOW, LOW, tl.where(negative > HIGH, HIGH, negative))
        positive = tl.sigmoid(positive)
        above = positive * (1 - positive)
        if c.OPTION == 2:
            positive = 1 + positive
    return negative, positive, below, above


@triton.jit
def value(x, c):
    """The input times one of the slopes."""
    negative, positive, _, _ = slopes(c)
    return x * tl.where(x < 0, negative, positive)


@triton.jit
def gradient(grad, saved, c, sink):
    """With positive slopes the output has the sign of the input, so either can be `saved`."""
    negative, positive, below, above = slopes(c)
    if c.INVERTED:
        below = below / negative
        above = above / positive
    deposit(sink, 0, tl.where(saved < 0, grad * saved * below, 0.0))
    deposit(sink, 1, tl.where(saved < 0, 0.0, grad * saved * above))
    return grad * tl.where(saved < 0, negative, positive)


kernel = Pointwise(two_slopes.plain, value, gradient)
