"""ConvReLU as implicit matrix products: every tap's view of the input meets its floor where it is loaded.

Shapes: N batch, IN and OUT channels of a group, G groups, T taps. Inputs are (N, G·IN, D, H, W), outputs
(N, G·OUT, P, Q, R): three spatial axes always, of which a missing one has size 1. Nothing is unfolded in memory.

A program makes one tile of a matrix: M positions × output channels, M positions × input channels, or output channels ×
input channels of one tap. Sums over programs go through memory, in an order that follows from the shape alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
import triton
import triton.language as tl
from torch import Tensor

from ..conv_threshold import memory_format_of

LONGEST = 128
"""Positions of a tile, at most. This and the other sizes were chosen so that no kernel spills; none was timed."""

CHUNK = 1024
"""Positions that the weight's gradient sums up in one program, at least."""

PROGRAMS = 1024
"""Programs that the weight's gradient is split into, at least, if there are positions enough."""

NARROW = 2**31 - 2 * LONGEST
"""Positions that 32 bits can number, those of a tile beyond the end included."""


@triton.jit
def unravel(at, D, H, W, WIDE: tl.constexpr):
    """A running number as sample and place on three axes."""
    # Division is slow, and slower still in 64 bits.
    if not WIDE:
        at = at.to(tl.int32)
    line = at // W
    plane = line // H
    n = plane // D
    return n.to(tl.int32), (plane % D).to(tl.int32), (line % H).to(tl.int32), (at % W).to(tl.int32)


@triton.jit
def place(n, d, h, w, n_step, d_step, h_step, w_step):
    """Where the first channel of a position stands in memory."""
    # One sample alone may be larger than 32 bits can count.
    return n.to(tl.int64) * n_step + d.to(tl.int64) * d_step + h.to(tl.int64) * h_step + w.to(tl.int64) * w_step


@triton.jit
def tap_of(t, KH: tl.constexpr, KW: tl.constexpr):
    """A tap's place on three axes."""
    return t // (KH * KW), t // KW % KH, t % KW


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
    D,
    H,
    W,
    P,
    Q,
    R,
    x_n,
    x_c,
    x_d,
    x_h,
    x_w,
    y_n,
    y_c,
    y_d,
    y_h,
    y_w,
    KD: tl.constexpr,
    KH: tl.constexpr,
    KW: tl.constexpr,
    SD: tl.constexpr,
    SH: tl.constexpr,
    SW: tl.constexpr,
    AD: tl.constexpr,
    AH: tl.constexpr,
    AW: tl.constexpr,
    GD: tl.constexpr,
    GH: tl.constexpr,
    GW: tl.constexpr,
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
    n, p, q, r = unravel(m, P, Q, R, WIDE)
    tiles_c = tl.cdiv(IN, TILE_C)
    total = tl.zeros((TILE_M, TILE_O), dtype=tl.float32)
    for step in range(KD * KH * KW * tiles_c):
        t = step // tiles_c
        c = step % tiles_c * TILE_C + tl.arange(0, TILE_C)
        kd, kh, kw = tap_of(t, KH, KW)
        d = p * SD - AD + kd * GD
        h = q * SH - AH + kh * GH
        w = r * SW - AW + kw * GW
        inside = (m < M) & (d >= 0) & (d < D) & (h >= 0) & (h < H) & (w >= 0) & (w < W)
        places = place(n, d, h, w, x_n, x_d, x_h, x_w)
        channels = group * IN + c
        seen = tl.load(
            x + places[:, None] + (channels * x_c)[None, :], mask=inside[:, None] & (c < IN)[None, :], other=0.0
        ).to(tl.float32)
        floor = tl.load(threshold + t * groups * IN + channels, mask=c < IN, other=0.0).to(tl.float32)[None, :]
        seen = tl.where(seen <= floor, floor, seen)
        column = tl.load(
            weight + ((t * groups + group) * IN + c)[:, None] * OUT + o[None, :],
            mask=(c < IN)[:, None] & (o < OUT)[None, :],
            other=0.0,
        )
        total = tl.dot(seen.to(column.dtype), column, total, input_precision=PRECISION)
    if HAS_BIAS:
        total += tl.load(bias + group * OUT + o, mask=o < OUT, other=0.0).to(tl.float32)[None, :]
    places = place(n, p, q, r, y_n, y_d, y_h, y_w)
    tl.store(
        y + places[:, None] + ((group * OUT + o) * y_c)[None, :], total, mask=(m < M)[:, None] & (o < OUT)[None, :]
    )


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
    D,
    H,
    W,
    P,
    Q,
    R,
    PADDED_D,
    PADDED_H,
    PADDED_W,
    x_n,
    x_c,
    x_d,
    x_h,
    x_w,
    y_n,
    y_c,
    y_d,
    y_h,
    y_w,
    KD: tl.constexpr,
    KH: tl.constexpr,
    KW: tl.constexpr,
    SD: tl.constexpr,
    SH: tl.constexpr,
    SW: tl.constexpr,
    AD: tl.constexpr,
    AH: tl.constexpr,
    AW: tl.constexpr,
    GD: tl.constexpr,
    GH: tl.constexpr,
    GW: tl.constexpr,
    WIDE: tl.constexpr,
    TILE_M: tl.constexpr,
    TILE_O: tl.constexpr,
    TILE_C: tl.constexpr,
    PRECISION: tl.constexpr,
):
    """For every position of the padded input and every tap, what comes back goes to the input or to the floor."""
    tiles_c = tl.cdiv(IN, TILE_C)
    tile_m = (tl.program_id(0) // tiles_c).to(tl.int64)
    m = tile_m * TILE_M + tl.arange(0, TILE_M)
    c = tl.program_id(0) % tiles_c * TILE_C + tl.arange(0, TILE_C)
    group = tl.program_id(1).to(tl.int64)
    groups = tl.num_programs(1)
    n, padded_d, padded_h, padded_w = unravel(m, PADDED_D, PADDED_H, PADDED_W, WIDE)
    d = padded_d - AD
    h = padded_h - AH
    w = padded_w - AW
    inside = (m < M) & (d >= 0) & (d < D) & (h >= 0) & (h < H) & (w >= 0) & (w < W)
    channels = group * IN + c
    offsets = (place(n, d, h, w, x_n, x_d, x_h, x_w))[:, None] + (channels * x_c)[None, :]
    mask = inside[:, None] & (c < IN)[None, :]
    here = tl.load(x + offsets, mask=mask, other=0.0).to(tl.float32)
    total = tl.zeros((TILE_M, TILE_C), dtype=tl.float32)
    for t in range(KD * KH * KW):
        kd, kh, kw = tap_of(t, KH, KW)
        from_d = padded_d - kd * GD
        from_h = padded_h - kh * GH
        from_w = padded_w - kw * GW
        p = from_d // SD
        q = from_h // SH
        r = from_w // SW
        read = (m < M) & (from_d >= 0) & (from_h >= 0) & (from_w >= 0) & (p < P) & (q < Q) & (r < R)
        read = read & (from_d % SD == 0) & (from_h % SH == 0) & (from_w % SW == 0)
        places = place(n, p, q, r, y_n, y_d, y_h, y_w)
        back = tl.zeros((TILE_M, TILE_C), dtype=tl.float32)
        for first in range(0, OUT, TILE_O):
            o = first + tl.arange(0, TILE_O)
            up = tl.load(
                grad + places[:, None] + ((group * OUT + o) * y_c)[None, :],
                mask=read[:, None] & (o < OUT)[None, :],
                other=0.0,
            )
            row = tl.load(
                weight + ((t * groups + group) * OUT + o)[:, None] * IN + c[None, :],
                mask=(o < OUT)[:, None] & (c < IN)[None, :],
                other=0.0,
            )
            back = tl.dot(up.to(row.dtype), row, back, input_precision=PRECISION)
        floor = tl.load(threshold + t * groups * IN + channels, mask=c < IN, other=0.0).to(tl.float32)[None, :]
        floored = here <= floor
        total += tl.where(floored, 0.0, back)
        kept = tl.sum(tl.where(floored & read[:, None], back, 0.0), axis=0)
        tl.store(sums + (tile_m * KD * KH * KW + t) * groups * IN + channels, kept, mask=c < IN)
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
    D,
    H,
    W,
    P,
    Q,
    R,
    x_n,
    x_c,
    x_d,
    x_h,
    x_w,
    y_n,
    y_c,
    y_d,
    y_h,
    y_w,
    KD: tl.constexpr,
    KH: tl.constexpr,
    KW: tl.constexpr,
    SD: tl.constexpr,
    SH: tl.constexpr,
    SW: tl.constexpr,
    AD: tl.constexpr,
    AH: tl.constexpr,
    AW: tl.constexpr,
    GD: tl.constexpr,
    GH: tl.constexpr,
    GW: tl.constexpr,
    WIDE: tl.constexpr,
    TILE_M: tl.constexpr,
    TILE_O: tl.constexpr,
    TILE_C: tl.constexpr,
    HALF: tl.constexpr,
    PRECISION: tl.constexpr,
):
    """sums[chunk, t, o, c] = Σ grad[m, o]·max(x[m, t, c], threshold[t, c]) over the positions of a chunk."""
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
    floor = tl.load(threshold + t * groups * IN + channels, mask=c < IN, other=0.0).to(tl.float32)[None, :]
    kd, kh, kw = tap_of(t, KH, KW)
    total = tl.zeros((TILE_O, TILE_C), dtype=tl.float32)
    for first in range(0, CHUNK, TILE_M):
        m = chunk * CHUNK + first + tl.arange(0, TILE_M)
        n, p, q, r = unravel(m, P, Q, R, WIDE)
        d = p * SD - AD + kd * GD
        h = q * SH - AH + kh * GH
        w = r * SW - AW + kw * GW
        inside = (m < M) & (d >= 0) & (d < D) & (h >= 0) & (h < H) & (w >= 0) & (w < W)
        places = place(n, d, h, w, x_n, x_d, x_h, x_w)
        seen = tl.load(
            x + places[:, None] + (channels * x_c)[None, :], mask=inside[:, None] & (c < IN)[None, :], other=0.0
        ).to(tl.float32)
        seen = tl.where(seen <= floor, floor, seen)
        places = place(n, p, q, r, y_n, y_d, y_h, y_w)
        up = tl.load(
            grad + places[None, :] + ((group * OUT + o) * y_c)[:, None],
            mask=(m < M)[None, :] & (o < OUT)[:, None],
            other=0.0,
        )
        if HALF:
            total = tl.dot(up, seen.to(up.dtype), total, input_precision=PRECISION)
        else:
            total = tl.dot(up.to(tl.float32), seen, total, input_precision=PRECISION)
    taps = KD * KH * KW
    offsets = (((chunk * taps + t) * groups + group) * OUT + o)[:, None] * IN + c[None, :]
    tl.store(sums + offsets, total, mask=(o < OUT)[:, None] & (c < IN)[None, :])


class Geometry(NamedTuple):
    """A convolution over three spatial axes.

    Args:
        kernel: taps per axis.
        stride: step of the kernel per axis.
        padding: zeros before and after each axis.
        dilation: distance between taps per axis.
        groups: number of groups.
        spatial: how many of the axes the caller has; the others, in front, have size 1.
    """

    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    padding: tuple[tuple[int, int], ...]
    dilation: tuple[int, ...]
    groups: int
    spatial: int

    @classmethod
    def of(
        cls,
        kernel: Sequence[int],
        stride: Sequence[int],
        padding: Sequence[tuple[int, int]],
        dilation: Sequence[int],
        groups: int,
    ) -> Geometry:
        """The geometry of a convolution over one to three axes."""
        lead = 3 - len(kernel)
        ones = (1,) * lead
        margins = ((0, 0),) * lead + tuple((before, after) for before, after in padding)
        return cls((*ones, *kernel), (*ones, *stride), margins, (*ones, *dilation), groups, len(kernel))

    @property
    def taps(self) -> int:
        """Taps in all."""
        return self.kernel[0] * self.kernel[1] * self.kernel[2]

    def padded(self, x: Tensor) -> list[int]:
        """Spatial sizes of the padded input."""
        return [size + before + after for size, (before, after) in zip(x.shape[2:], self.padding, strict=True)]

    def output(self, x: Tensor) -> list[int]:
        """Spatial sizes of the output."""
        axes = zip(self.padded(x), self.kernel, self.stride, self.dilation, strict=True)
        return [(size - gap * (taps - 1) - 1) // step + 1 for size, taps, step, gap in axes]

    def arguments(self) -> dict[str, int]:
        """What the kernels know when they are compiled: taps, strides, zeros in front (A) and gaps, per axis."""
        return {
            f"{letter}{axis}": size
            for letter, sizes in (
                ("K", self.kernel),
                ("S", self.stride),
                ("A", [before for before, _ in self.padding]),
                ("G", self.dilation),
            )
            for axis, size in zip("DHW", sizes, strict=True)
        }


def forward(x: Tensor, weight: Tensor, threshold: Tensor, bias: Tensor | None, geometry: Geometry) -> Tensor:
    """The value; all arguments as the caller has them, with one to three spatial axes."""
    outputs, inputs = weight.shape[0] // geometry.groups, weight.shape[1]
    size = (x.shape[0], weight.shape[0], *geometry.output(_three(x, geometry))[3 - geometry.spatial :])
    out = torch.empty(size, dtype=x.dtype, device=x.device, memory_format=memory_format_of(x))
    if not out.numel():
        return out
    x, y = _three(x, geometry), _three(out, geometry)
    m = y.numel() // y.shape[1]
    tile_m, tile_o, tile_c = _tile(m, LONGEST), _tile(outputs, 64), _tile(inputs, 32)
    with torch.cuda.device_of(x):
        forward_kernel[(triton.cdiv(m, tile_m) * triton.cdiv(outputs, tile_o), geometry.groups)](
            x,
            _typed(_taps_first(weight, geometry).transpose(2, 3), x, weight),
            _floors(threshold),
            bias,
            y,
            m,
            **_sizes(x, y, outputs, inputs),
            **geometry.arguments(),
            WIDE=m > NARROW,
            TILE_M=tile_m,
            TILE_O=tile_o,
            TILE_C=tile_c,
            HAS_BIAS=bias is not None,
            PRECISION=_precision(),
            num_warps=8,
        )
    return out


def backward(
    grad: Tensor, x: Tensor, weight: Tensor, threshold: Tensor, geometry: Geometry
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Gradients of the input, the weight, the thresholds and, in the dtype of the weight, the bias."""
    # The kernel writes the gradient to where it reads the input.
    x = x.contiguous(memory_format=memory_format_of(x))
    grad_x = torch.empty_like(x)
    grad_bias = grad.sum((0, *range(2, grad.ndim)), dtype=torch.float32).to(weight.dtype)
    if not grad.numel() or not x.numel():
        return grad_x.zero_(), torch.zeros_like(weight), torch.zeros_like(threshold), grad_bias
    grad, x, into = _three(grad, geometry), _three(x, geometry), _three(grad_x, geometry)
    grad_threshold = _input_backward(grad, x, weight, threshold, into, geometry)
    return grad_x, _weight_backward(grad, x, weight, threshold, geometry), grad_threshold, grad_bias


def _input_backward(
    grad: Tensor, x: Tensor, weight: Tensor, threshold: Tensor, grad_x: Tensor, geometry: Geometry
) -> Tensor:
    """Writes the input's gradient and returns that of the thresholds."""
    outputs, inputs = weight.shape[0] // geometry.groups, weight.shape[1]
    padded = geometry.padded(x)
    m = x.shape[0] * padded[0] * padded[1] * padded[2]
    tile_m, tile_o, tile_c = _tile(m, 64), _tile(outputs, 32), _tile(inputs, 64)
    tiles_m = triton.cdiv(m, tile_m)
    sums = torch.empty(tiles_m, geometry.taps, x.shape[1], dtype=torch.float32, device=x.device)
    with torch.cuda.device_of(x):
        input_kernel[(tiles_m * triton.cdiv(inputs, tile_c), geometry.groups)](
            grad,
            x,
            _typed(_taps_first(weight, geometry), x, weight),
            _floors(threshold),
            grad_x,
            sums,
            m,
            **_sizes(x, grad, outputs, inputs),
            **{f"PADDED_{axis}": size for axis, size in zip("DHW", padded, strict=True)},
            **geometry.arguments(),
            WIDE=m > NARROW,
            TILE_M=tile_m,
            TILE_O=tile_o,
            TILE_C=tile_c,
            PRECISION=_precision(),
            num_warps=8,
        )
    return sums.sum(0).t().reshape(threshold.shape).to(threshold.dtype)


def _weight_backward(grad: Tensor, x: Tensor, weight: Tensor, threshold: Tensor, geometry: Geometry) -> Tensor:
    outputs, inputs = weight.shape[0] // geometry.groups, weight.shape[1]
    m = grad.numel() // grad.shape[1]
    tile_m, tile_o, tile_c = 32, _tile(outputs, 64), _tile(inputs, 64)
    tiles = geometry.taps * triton.cdiv(outputs, tile_o) * triton.cdiv(inputs, tile_c)
    splits = min(triton.cdiv(PROGRAMS, tiles * geometry.groups), triton.cdiv(m, CHUNK))
    chunk = triton.cdiv(triton.cdiv(m, splits), tile_m) * tile_m
    splits = triton.cdiv(m, chunk)
    sizes = (splits, geometry.taps, geometry.groups, outputs, inputs)
    sums = torch.empty(sizes, dtype=torch.float32, device=x.device)
    with torch.cuda.device_of(x):
        weight_kernel[(tiles, geometry.groups, splits)](
            grad,
            x,
            _floors(threshold),
            sums,
            m,
            chunk,
            **_sizes(x, grad, outputs, inputs),
            **geometry.arguments(),
            WIDE=m > NARROW,
            TILE_M=tile_m,
            TILE_O=tile_o,
            TILE_C=tile_c,
            HALF=_is_half(x, weight),
            PRECISION=_precision(),
        )
    return sums.sum(0).permute(1, 2, 3, 0).reshape(weight.shape).to(weight.dtype)


def _three(x: Tensor, geometry: Geometry) -> Tensor:
    """A view of `x` with three spatial axes."""
    for _ in range(3 - geometry.spatial):
        x = x.unsqueeze(2)
    return x


def _sizes(x: Tensor, y: Tensor, outputs: int, inputs: int) -> dict[str, int]:
    """Channels per group, spatial sizes, and strides of the input and of the output or its gradient."""
    names = ("n", "c", "d", "h", "w")
    return {
        "IN": inputs,
        "OUT": outputs,
        **dict(zip("DHWPQR", (*x.shape[2:], *y.shape[2:]), strict=True)),
        **{f"x_{name}": step for name, step in zip(names, x.stride(), strict=True)},
        **{f"y_{name}": step for name, step in zip(names, y.stride(), strict=True)},
    }


def _taps_first(weight: Tensor, geometry: Geometry) -> Tensor:
    """(T, G, OUT, IN)."""
    return weight.reshape(geometry.groups, -1, weight.shape[1], geometry.taps).permute(3, 0, 1, 2)


def _floors(threshold: Tensor) -> Tensor:
    """(T, G·IN)."""
    return threshold.flatten(1).t().contiguous()


def _typed(matrix: Tensor, x: Tensor, weight: Tensor) -> Tensor:
    """The weight in the dtype that products are taken in: half if all are, float32 otherwise."""
    return matrix.to(x.dtype if _is_half(x, weight) else torch.float32).contiguous()


def _is_half(x: Tensor, weight: Tensor) -> bool:
    return x.dtype is weight.dtype and x.dtype is not torch.float32


def _precision() -> str:
    """Whether float32 products may be rounded to TF32, as PyTorch's own convolutions have it."""
    convolutions: Any = torch.backends.cudnn
    return "tf32" if convolutions.conv.fp32_precision == "tf32" else "ieee"


def _tile(size: int, most: int) -> int:
    # The matrix units take sixteen at least.
    return max(16, min(int(triton.next_power_of_2(size)), most))
