"""What ConvReLU's kernels share: numbering of positions, and loading what a tap reads.

Shapes: see `conv_threshold.py`. `sizes` are three spatial axes, `strides` those of sample, channel and the three axes.
"""

from __future__ import annotations

import triton
import triton.language as tl


@triton.jit
def unravel(at, sizes, WIDE: tl.constexpr):
    """A running number as sample and place on three axes."""
    # Division is slow, and slower still in 64 bits.
    if not WIDE:
        at = at.to(tl.int32)
    line = at // sizes[2]
    plane = line // sizes[1]
    n = plane // sizes[0]
    return n.to(tl.int32), (plane % sizes[0]).to(tl.int32), (line % sizes[1]).to(tl.int32), (at % sizes[2]).to(tl.int32)


@triton.jit
def place(n, d, h, w, strides):
    """Where the first channel of a position stands in memory."""
    # One sample alone may be larger than 32 bits can count.
    return (
        n.to(tl.int64) * strides[0]
        + d.to(tl.int64) * strides[2]
        + h.to(tl.int64) * strides[3]
        + w.to(tl.int64) * strides[4]
    )


@triton.jit
def within(d, h, w, sizes):
    """Whether a position is one of the image, and not padding."""
    return (d >= 0) & (d < sizes[0]) & (h >= 0) & (h < sizes[1]) & (w >= 0) & (w < sizes[2])


@triton.jit
def tap_of(t, KERNEL: tl.constexpr):
    """A tap's place on three axes."""
    return t // (KERNEL[1] * KERNEL[2]), t // KERNEL[2] % KERNEL[1], t % KERNEL[2]


@triton.jit
def load_floor(threshold, t, groups, IN, channels, c):
    """The thresholds of a tap, one per channel, as a row."""
    return tl.load(threshold + t * groups * IN + channels, mask=c < IN, other=0.0).to(tl.float32)[None, :]


@triton.jit
def load_inputs(
    x,
    exists,
    n,
    p,
    q,
    r,
    t,
    channels,
    is_channel,
    sizes,
    strides,
    KERNEL: tl.constexpr,
    STRIDE: tl.constexpr,
    PADDING: tl.constexpr,
    GAP: tl.constexpr,
):
    """What some outputs read by a tap: outputs × channels. Padding is zero."""
    kd, kh, kw = tap_of(t, KERNEL)
    d = p * STRIDE[0] - PADDING[0] + kd * GAP[0]
    h = q * STRIDE[1] - PADDING[1] + kh * GAP[1]
    w = r * STRIDE[2] - PADDING[2] + kw * GAP[2]
    offsets = place(n, d, h, w, strides)[:, None] + (channels * strides[1])[None, :]
    mask = (exists & within(d, h, w, sizes))[:, None] & is_channel[None, :]
    return tl.load(x + offsets, mask=mask, other=0.0).to(tl.float32)


@triton.jit
def threshold_at(value, floor):
    """max(value, floor); a NaN in the value passes."""
    return tl.where(value <= floor, floor, value)
