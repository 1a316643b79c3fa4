"""ReLU and a sine. Coefficients of `wave`: amplitude, angular frequency; of `wave_below`: amplitude."""

from __future__ import annotations

import triton
import triton.language as tl

from .. import wave as declared
from .pointwise import Pointwise
from .sine import sine_cosine
from .tile import deposit


@triton.jit
def value(x, c):
    """max(0, x) + α·sin(β·x); a NaN passes."""
    alpha = tl.load(c.first).to(tl.float32)
    beta = tl.load(c.second).to(tl.float32)
    sine, _ = sine_cosine(x.to(tl.float64) * beta.to(tl.float64))
    return tl.where(x <= 0, 0.0, x) + alpha * sine


@triton.jit
def gradient(grad, saved, c, sink):
    """The input is `saved`."""
    alpha = tl.load(c.first).to(tl.float32)
    beta = tl.load(c.second).to(tl.float32)
    sine, cosine = sine_cosine(saved.to(tl.float64) * beta.to(tl.float64))
    wave = grad * alpha * cosine
    deposit(sink, 0, grad * sine)
    deposit(sink, 1, wave * saved)
    return tl.where(saved <= 0, 0.0, grad) + wave * beta


@triton.jit
def value_below(x, c):
    """Identity for x > 0, ε·(sin x − cos x) otherwise."""
    epsilon = tl.load(c.first).to(tl.float32)
    sine, cosine = sine_cosine(tl.where(x > 0, 0.0, x).to(tl.float64))
    return tl.where(x > 0, x, epsilon * (sine - cosine))


@triton.jit
def gradient_below(grad, saved, c, sink):
    """The input is `saved`."""
    epsilon = tl.load(c.first).to(tl.float32)
    sine, cosine = sine_cosine(tl.where(saved > 0, 0.0, saved).to(tl.float64))
    deposit(sink, 0, tl.where(saved > 0, 0.0, grad * (sine - cosine)))
    return tl.where(saved > 0, grad, tl.where(saved < 0, grad * epsilon * (cosine + sine), 0.0))


kernel = Pointwise(declared.formula, value, gradient, warps=8)
kernel_below = Pointwise(declared.formula_below, value_below, gradient_below, warps=8)
