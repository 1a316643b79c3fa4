"""ConvReLU's kernels backward: one for the gradients of input and thresholds, one for that of the weight."""

from __future__ import annotations

import triton
import triton.language as tl

from .conv_tile import load_floor, load_inputs, place, tap_of, threshold_at, unravel, within


@triton.jit
def input_kernel(
    grad,
    x,
    weight,
    threshold,
    grad_x,
    sums,
    M,
    IN,
    OUT,
    x_sizes,
    padded_sizes,
    y_sizes,
    x_strides,
    y_strides,
    KERNEL: tl.constexpr,
    STRIDE: tl.constexpr,
    PADDING: tl.constexpr,
    GAP: tl.constexpr,
    WIDE: tl.constexpr,
    TILE_M: tl.constexpr,
    TILE_O: tl.constexpr,
    TILE_C: tl.constexpr,
    PRECISION: tl.constexpr,
):
    """For every position of the padded input and every tap, what comes back goes to the input or to the floor."""
    taps = KERNEL[0] * KERNEL[1] * KERNEL[2]
    tiles_c = tl.cdiv(IN, TILE_C)
    tile_m = (tl.program_id(0) // tiles_c).to(tl.int64)
    m = tile_m * TILE_M + tl.arange(0, TILE_M)
    c = tl.program_id(0) % tiles_c * TILE_C + tl.arange(0, TILE_C)
    group = tl.program_id(1).to(tl.int64)
    groups = tl.num_programs(1)
    n, padded_d, padded_h, padded_w = unravel(m, padded_sizes, WIDE)
    d = padded_d - PADDING[0]
    h = padded_h - PADDING[1]
    w = padded_w - PADDING[2]
    channels = group * IN + c
    offsets = place(n, d, h, w, x_strides)[:, None] + (channels * x_strides[1])[None, :]
    mask = ((m < M) & within(d, h, w, x_sizes))[:, None] & (c < IN)[None, :]
    here = tl.load(x + offsets, mask=mask, other=0.0).to(tl.float32)
    total = tl.zeros((TILE_M, TILE_C), dtype=tl.float32)
    for t in range(taps):
        kd, kh, kw = tap_of(t, KERNEL)
        from_d = padded_d - kd * GAP[0]
        from_h = padded_h - kh * GAP[1]
        from_w = padded_w - kw * GAP[2]
        p = from_d // STRIDE[0]
        q = from_h // STRIDE[1]
        r = from_w // STRIDE[2]
        read = (m < M) & (from_d >= 0) & (from_h >= 0) & (from_w >= 0)
        read = read & (p < y_sizes[0]) & (q < y_sizes[1]) & (r < y_sizes[2])
        read = read & (from_d % STRIDE[0] == 0) & (from_h % STRIDE[1] == 0) & (from_w % STRIDE[2] == 0)
        places = place(n, p, q, r, y_strides)
        back = tl.zeros((TILE_M, TILE_C), dtype=tl.float32)
        for first in range(0, OUT, TILE_O):
            o = first + tl.arange(0, TILE_O)
            up = tl.load(
                grad + places[:, None] + ((group * OUT + o) * y_strides[1])[None, :],
                mask=read[:, None] & (o < OUT)[None, :],
                other=0.0,
            )
            row = tl.load(
                weight + ((t * groups + group) * OUT + o)[:, None] * IN + c[None, :],
                mask=(o < OUT)[:, None] & (c < IN)[None, :],
                other=0.0,
            )
            back = tl.dot(up.to(row.dtype), row, back, input_precision=PRECISION)
        floored = here <= load_floor(threshold, t, groups, IN, channels, c)
        total += tl.where(floored, 0.0, back)
        kept = tl.sum(tl.where(floored & read[:, None], back, 0.0), axis=0)
        tl.store(sums + (tile_m * taps + t) * groups * IN + channels, kept, mask=c < IN)
    tl.store(grad_x + offsets, total, mask=mask)


@triton.jit
def weight_kernel(
    grad,
    x,
    threshold,
    sums,
    M,
    CHUNK,
    IN,
    OUT,
    x_sizes,
    y_sizes,
    x_strides,
    y_strides,
    KERNEL: tl.constexpr,
    STRIDE: tl.constexpr,
    PADDING: tl.constexpr,
    GAP: tl.constexpr,
    WIDE: tl.constexpr,
    TILE_M: tl.constexpr,
    TILE_O: tl.constexpr,
    TILE_C: tl.constexpr,
    HALF: tl.constexpr,
    PRECISION: tl.constexpr,
):
    """sums[chunk, t, o, c] = Σ grad[m, o]·max(x[m, t, c], threshold[t, c]) over the positions of a chunk."""
    taps = KERNEL[0] * KERNEL[1] * KERNEL[2]
    tiles_o = tl.cdiv(OUT, TILE_O)
    tiles_c = tl.cdiv(IN, TILE_C)
    program = tl.program_id(0)
    t = program // tiles_c // tiles_o
    o = program // tiles_c % tiles_o * TILE_O + tl.arange(0, TILE_O)
    c = program % tiles_c * TILE_C + tl.arange(0, TILE_C)
    group = tl.program_id(1).to(tl.int64)
    groups = tl.num_programs(1)
    chunk = tl.program_id(2).to(tl.int64)
    channels = group * IN + c
    floor = load_floor(threshold, t, groups, IN, channels, c)
    total = tl.zeros((TILE_O, TILE_C), dtype=tl.float32)
    for first in range(0, CHUNK, TILE_M):
        m = chunk * CHUNK + first + tl.arange(0, TILE_M)
        n, p, q, r = unravel(m, y_sizes, WIDE)
        seen = load_inputs(x, m < M, n, p, q, r, t, channels, c < IN, x_sizes, x_strides, KERNEL, STRIDE, PADDING, GAP)
        seen = threshold_at(seen, floor)
        offsets = place(n, p, q, r, y_strides)[None, :] + ((group * OUT + o) * y_strides[1])[:, None]
        up = tl.load(grad + offsets, mask=(m < M)[None, :] & (o < OUT)[:, None], other=0.0)
        if HALF:
            total = tl.dot(up, seen.to(up.dtype), total, input_precision=PRECISION)
        else:
            total = tl.dot(up.to(tl.float32), seen, total, input_precision=PRECISION)
    offsets = (((chunk * taps + t) * groups + group) * OUT + o)[:, None] * IN + c[None, :]
    tl.store(sums + offsets, total, mask=(o < OUT)[:, None] & (c < IN)[None, :])
