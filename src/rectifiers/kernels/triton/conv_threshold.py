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
from torch import Tensor

from ..conv_threshold import memory_format_of
from .conv_backward import input_kernel, weight_kernel
from .conv_forward import forward_kernel

LONGEST = 128
"""Positions of a tile, at most. This and the other sizes were chosen so that no kernel spills; none was timed."""

CHUNK = 1024
"""Positions that the weight's gradient sums up in one program, at least."""

PROGRAMS = 1024
"""Programs that the weight's gradient is split into, at least, if there are positions enough."""

NARROW = 2**31 - 2 * LONGEST
"""Positions that 32 bits can number, those of a tile beyond the end included."""


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

    def arguments(self) -> dict[str, tuple[int, ...]]:
        """What the kernels know when they are compiled: taps, strides, zeros in front and gaps, per axis."""
        before = tuple(before for before, _ in self.padding)
        return {"KERNEL": self.kernel, "STRIDE": self.stride, "PADDING": before, "GAP": self.dilation}


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
            None if bias is None else bias.contiguous(),
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
            padded_sizes=tuple(padded),
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


def _sizes(x: Tensor, y: Tensor, outputs: int, inputs: int) -> dict[str, Any]:
    """Channels per group, spatial sizes, and strides of the input and of the output or its gradient."""
    return {
        "IN": inputs,
        "OUT": outputs,
        "x_sizes": tuple(x.shape[2:]),
        "y_sizes": tuple(y.shape[2:]),
        "x_strides": x.stride(),
        "y_strides": y.stride(),
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
