"""Sine and cosine together, of an argument in float64, as float32."""

from __future__ import annotations

import triton
import triton.language as tl

FAR = tl.constexpr(1e8)
"""Beyond this, what is left after taking multiples of π/2 away is no longer good to float32."""


@triton.jit
def sine_cosine(t):
    """Sine and cosine of `t`.

    The argument is in float64, for the product of two float32 numbers is exact in it. Multiples of π/2 are taken away,
    and polynomials fitted on [−π/4, π/4] in the largest relative error, 4e-9, do the rest.
    """
    turns = tl.floor(t * 0.6366197723675814 + 0.5)
    quadrant = tl.where(tl.abs(t) <= FAR, turns, 0.0).to(tl.int32)
    r = (t - turns * 1.5707963267948966).to(tl.float32)
    z = r * r
    s = r + r * z * (-0.16666655 + z * (0.008332178 + z * -0.00019517266))
    c = 1 - 0.5 * z + z * z * (0.041666646 + z * (-0.0013887368 + z * 2.4438414e-05))
    swap = (quadrant & 1) != 0
    sine = tl.where(swap, c, s)
    cosine = tl.where(swap, s, c)
    sine = tl.where((quadrant & 2) != 0, -sine, sine)
    cosine = tl.where(((quadrant + 1) & 2) != 0, -cosine, cosine)
    # Hardly ever, so a whole tile takes the way round together.
    if tl.max(tl.max(tl.abs(t), axis=1), axis=0) > FAR:
        rounded = t.to(tl.float32)
        sine = tl.where(tl.abs(t) > FAR, tl.sin(rounded), sine)
        cosine = tl.where(tl.abs(t) > FAR, tl.cos(rounded), cosine)
    return sine, cosine
