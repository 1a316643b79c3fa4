"""ReLU and a sine. Coefficients of `wave`: amplitude, angular frequency; of `wave_below`: amplitude."""

from __future__ import annotations

import triton
import triton.language as tl

from .pointwise import Pointwise
from .sine import sine_cosine
from .tile import deposit


@triton.jit
def value(
    x, first, second, first_step, second_step, FIRSTS: tl.constexpr, SECONDS: tl.constexpr, SETTING: tl.constexpr
):
    """max(0, x) + α·sin(β·x); a NaN passes."""
    alpha = tl.load(first).to(tl.float32)
    beta = tl.load(second).to(tl.float32)
    sine, _ = sine_cosine(x.to(tl.float64) * beta.to(tl.float64))
    return tl.where(x <= 0, 0.0, x) + alpha * sine


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
    alpha = tl.load(first).to(tl.float32)
    beta = tl.load(second).to(tl.float32)
    sine, cosine = sine_cosine(saved.to(tl.float64) * beta.to(tl.float64))
    wave = grad * alpha * cosine
    deposit(sink, 0, grad * sine, VARYING)
    deposit(sink, 1, wave * saved, VARYING)
    return tl.where(saved <= 0, 0.0, grad) + wave * beta


@triton.jit
def value_below(
    x, first, second, first_step, second_step, FIRSTS: tl.constexpr, SECONDS: tl.constexpr, SETTING: tl.constexpr
):
    """Identity for x > 0, ε·(sin x − cos x) otherwise."""
    epsilon = tl.load(first).to(tl.float32)
    sine, cosine = sine_cosine(tl.where(x > 0, 0.0, x).to(tl.float64))
    return tl.where(x > 0, x, epsilon * (sine - cosine))


@triton.jit
def gradient_below(
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
    epsilon = tl.load(first).to(tl.float32)
    sine, cosine = sine_cosine(tl.where(saved > 0, 0.0, saved).to(tl.float64))
    deposit(sink, 0, tl.where(saved > 0, 0.0, grad * (sine - cosine)), VARYING)
    return tl.where(saved > 0, grad, tl.where(saved < 0, grad * epsilon * (cosine + sine), 0.0))


pointwise = Pointwise(value, gradient, parameters=2, warps=8)
pointwise_below = Pointwise(value_below, gradient_below, parameters=1, warps=8)
