"""Both phases of the input. Memory: rows × width in, rows × 2 × width out."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import triton
import triton.language as tl
from torch import Tensor

from .. import crelu
from ..layout import LAYER, empty_phases, empty_resized, laid_out_like, memory_order, ready, ready_phases
from .pointwise import Kernel
from .tile import Cut


@triton.jit
def place(rows, width, segments, ROWS: tl.constexpr, COLUMNS: tl.constexpr):
    """Where the elements of a tile stand in the input and in the positive phase, and which of them exist."""
    program = tl.program_id(0).to(tl.int64)
    row = program // segments * ROWS + tl.arange(0, ROWS)[:, None]
    column = program % segments * COLUMNS + tl.arange(0, COLUMNS)[None, :]
    return row * width + column, 2 * row * width + column, (row < rows) & (column < width)


@triton.jit
def forward_kernel(x, y, rows, width, segments, ROWS: tl.constexpr, COLUMNS: tl.constexpr):
    """The positive phase and, `width` behind it, the negative one; a NaN passes into both."""
    source, positive, mask = place(rows, width, segments, ROWS, COLUMNS)
    here = tl.load(x + source, mask=mask, other=0.0).to(tl.float32)
    tl.store(y + positive, tl.where(here <= 0, 0.0, here), mask=mask)
    tl.store(y + positive + width, tl.where(here >= 0, 0.0, -here), mask=mask)


@triton.jit
def backward_kernel(grad, y, grad_x, rows, width, segments, ROWS: tl.constexpr, COLUMNS: tl.constexpr):
    """Which phase was open is read off the output."""
    target, positive, mask = place(rows, width, segments, ROWS, COLUMNS)
    up = tl.load(grad + positive, mask=mask, other=0.0).to(tl.float32)
    down = tl.load(grad + positive + width, mask=mask, other=0.0).to(tl.float32)
    up = tl.where(tl.load(y + positive, mask=mask, other=0.0) <= 0, 0.0, up)
    down = tl.where(tl.load(y + positive + width, mask=mask, other=0.0) <= 0, 0.0, down)
    tl.store(grad_x + target, up - down, mask=mask)


class Phases(Kernel):
    """CReLU has no parameters; its axis is the one that it doubles."""

    def forward(self, x: Tensor, parameters: Sequence[Tensor], axis: int, option: int = 0) -> Tensor:
        """Both phases along `axis`."""
        x, y = ready_phases(x, axis), empty_phases(x, axis)
        if y.numel():
            self._run(forward_kernel, y, axis, x, y)
        return y

    def backward(
        self,
        grad: Tensor,
        saved: Tensor,
        parameters: Sequence[Tensor],
        axis: int,
        option: int = 0,
        inverted: bool = False,
    ) -> tuple[Tensor]:
        """The gradient of the input; `saved` is the output."""
        y = ready(saved, LAYER)
        grad_x = empty_resized(y, axis, y.shape[axis] // 2)
        if y.numel():
            self._run(backward_kernel, y, axis, laid_out_like(grad, y), y, grad_x)
        return (grad_x,)

    def _run(self, kernel: triton.JITFunction, y: Tensor, axis: int, *tensors: Tensor) -> None:
        order = memory_order(y)
        rows = 1
        for dim in order[: order.index(axis)]:
            rows *= y.shape[dim]
        width = y.numel() // rows // 2
        cut = Cut.of_rows(rows, width, rows * width)
        with torch.cuda.device_of(y):
            kernel[(cut.programs,)](*tensors, rows, width, cut.segments, ROWS=cut.tile_rows, COLUMNS=cut.tile_columns)


kernel = Phases(crelu.formula)
