"""ConvReLU's kernel forward: a tile of positions × output channels, summed over taps and input channels."""

from __future__ import annotations

import triton
import triton.language as tl

from .conv_tile import load_floor, load_inputs, place, threshold_at, unravel


@triton.jit
def forward_kernel(
    x,
    weight,
    threshold,
    bias,
    y,
    M,
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
    HAS_BIAS: tl.constexpr,
    PRECISION: tl.constexpr,
):
    """y[m, o] = Σ_{t,c} weight[t, c, o]·max(x[m, t, c], threshold[t, c]) for one group."""
    tiles_o = tl.cdiv(OUT, TILE_O)
    m = (tl.program_id(0) // tiles_o).to(tl.int64) * TILE_M + tl.arange(0, TILE_M)
    o = tl.program_id(0) % tiles_o * TILE_O + tl.arange(0, TILE_O)
    group = tl.program_id(1).to(tl.int64)
    groups = tl.num_programs(1)
    n, p, q, r = unravel(m, y_sizes, WIDE)
    tiles_c = tl.cdiv(IN, TILE_C)
    total = tl.zeros((TILE_M, TILE_O), dtype=tl.float32)
    for step in range(KERNEL[0] * KERNEL[1] * KERNEL[2] * tiles_c):
        t = step // tiles_c
        c = step % tiles_c * TILE_C + tl.arange(0, TILE_C)
        channels = group * IN + c
        seen = load_inputs(x, m < M, n, p, q, r, t, channels, c < IN, x_sizes, x_strides, KERNEL, STRIDE, PADDING, GAP)
        seen = threshold_at(seen, load_floor(threshold, t, groups, IN, channels, c))
        column = tl.load(
            weight + ((t * groups + group) * IN + c)[:, None] * OUT + o[None, :],
            mask=(c < IN)[:, None] & (o < OUT)[None, :],
            other=0.0,
        )
        total = tl.dot(seen.to(column.dtype), column, total, input_precision=PRECISION)
    if HAS_BIAS:
        total += tl.load(bias + group * OUT + o, mask=o < OUT, other=0.0).to(tl.float32)[None, :]
    offsets = place(n, p, q, r, y_strides)[:, None] + ((group * OUT + o) * y_strides[1])[None, :]
    tl.store(y + offsets, total, mask=(m < M)[:, None] & (o < OUT)[None, :])
