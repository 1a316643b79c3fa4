"""Powers brought to a mean square of one along an axis. Memory: outer × line × inner; a program has some lines."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import triton
import triton.language as tl
from torch import Tensor

from .. import poly_norm
from ..layout import LAYER, laid_out_like, layout_of, ready
from .pointwise import Kernel

EPSILON = tl.constexpr(poly_norm.EPSILON)

ELEMENTS = 2048
"""Elements of a tile."""


@triton.jit
def starts(lines, line, inner, LINES: tl.constexpr):
    """Where the lines of this program begin, and which of them exist."""
    which = tl.program_id(0).to(tl.int64) * LINES + tl.arange(0, LINES)[:, None]
    return which // inner * line * inner + which % inner, which < lines


@triton.jit
def scale(squares, line):
    """What brings a line of this sum of squares to a mean square of one."""
    return 1 / tl.sqrt(tl.sum(squares, axis=1)[:, None] / line + EPSILON)


@triton.jit
def forward_kernel(x, y, a, lines, line, inner, LINES: tl.constexpr, STEPS: tl.constexpr):
    """Two passes over each line: its sums, and the values."""
    start, exists = starts(lines, line, inner, LINES)
    squares = tl.zeros((LINES, STEPS), tl.float32)
    fourths = tl.zeros((LINES, STEPS), tl.float32)
    sixths = tl.zeros((LINES, STEPS), tl.float32)
    for at in range(0, line, STEPS):
        step = at + tl.arange(0, STEPS)[None, :]
        here = tl.load(x + start + step * inner, mask=exists & (step < line), other=0.0).to(tl.float32)
        square = here * here
        squares += square
        fourths += square * square
        sixths += square * square * square
    constant = tl.load(a).to(tl.float32)
    first = tl.load(a + 1).to(tl.float32) * scale(squares, line)
    second = tl.load(a + 2).to(tl.float32) * scale(fourths, line)
    third = tl.load(a + 3).to(tl.float32) * scale(sixths, line)
    for at in range(0, line, STEPS):
        step = at + tl.arange(0, STEPS)[None, :]
        mask = exists & (step < line)
        here = tl.load(x + start + step * inner, mask=mask, other=0.0).to(tl.float32)
        tl.store(y + start + step * inner, constant + here * (first + here * (second + here * third)), mask=mask)


@triton.jit
def backward_kernel(grad, x, grad_x, sums, a, lines, line, inner, slots, LINES: tl.constexpr, STEPS: tl.constexpr):
    """The gradient of x, and per program what its lines add to the gradients of the coefficients."""
    start, exists = starts(lines, line, inner, LINES)
    squares = tl.zeros((LINES, STEPS), tl.float32)
    fourths = tl.zeros((LINES, STEPS), tl.float32)
    sixths = tl.zeros((LINES, STEPS), tl.float32)
    nones = tl.zeros((LINES, STEPS), tl.float32)
    firsts = tl.zeros((LINES, STEPS), tl.float32)
    seconds = tl.zeros((LINES, STEPS), tl.float32)
    thirds = tl.zeros((LINES, STEPS), tl.float32)
    for at in range(0, line, STEPS):
        step = at + tl.arange(0, STEPS)[None, :]
        mask = exists & (step < line)
        here = tl.load(x + start + step * inner, mask=mask, other=0.0).to(tl.float32)
        up = tl.load(grad + start + step * inner, mask=mask, other=0.0).to(tl.float32)
        square = here * here
        squares += square
        fourths += square * square
        sixths += square * square * square
        nones += up
        firsts += up * here
        seconds += up * square
        thirds += up * square * here
    one, two, three = scale(squares, line), scale(fourths, line), scale(sixths, line)
    # Sums over a line times what brings its power to size are the gradients of the coefficients.
    of_first = one * tl.sum(firsts, axis=1)[:, None]
    of_second = two * tl.sum(seconds, axis=1)[:, None]
    of_third = three * tl.sum(thirds, axis=1)[:, None]
    to = sums + tl.program_id(0)
    tl.store(to, tl.sum(tl.sum(nones, axis=1), axis=0))
    tl.store(to + slots, tl.sum(tl.sum(tl.where(exists, of_first, 0.0), axis=1), axis=0))
    tl.store(to + 2 * slots, tl.sum(tl.sum(tl.where(exists, of_second, 0.0), axis=1), axis=0))
    tl.store(to + 3 * slots, tl.sum(tl.sum(tl.where(exists, of_third, 0.0), axis=1), axis=0))
    first = tl.load(a + 1).to(tl.float32) * one
    second = tl.load(a + 2).to(tl.float32) * two
    third = tl.load(a + 3).to(tl.float32) * three
    back_first = first * one * of_first / line
    back_second = 2 * second * two * of_second / line
    back_third = 3 * third * three * of_third / line
    for at in range(0, line, STEPS):
        step = at + tl.arange(0, STEPS)[None, :]
        mask = exists & (step < line)
        here = tl.load(x + start + step * inner, mask=mask, other=0.0).to(tl.float32)
        up = tl.load(grad + start + step * inner, mask=mask, other=0.0).to(tl.float32)
        square = here * here
        through = first + here * (2 * second + 3 * here * third)
        slope = up * through - here * (back_first + square * (back_second + square * back_third))
        tl.store(grad_x + start + step * inner, slope, mask=mask)


class Normalising(Kernel):
    """PolyNorm has the coefficients of a layer; its axis is the one that it normalises over."""

    def forward(self, x: Tensor, parameters: Sequence[Tensor], axis: int, option: int = 0) -> Tensor:
        """The formula's value."""
        x = ready(x, LAYER)
        y = torch.empty_like(x)
        if x.numel():
            self._run(forward_kernel, x, axis, x, y, self._coefficients(parameters, x))
        return y

    def backward(
        self,
        grad: Tensor,
        saved: Tensor,
        parameters: Sequence[Tensor],
        axis: int,
        option: int = 0,
        inverted: bool = False,
    ) -> tuple[Tensor, ...]:
        """Gradients of the input and of the coefficients."""
        x, (a,) = ready(saved, LAYER), parameters
        grad_x = torch.empty_like(x)
        if not x.numel():
            return grad_x, torch.zeros_like(a)
        programs = self._cut(x, axis)[0]
        sums = torch.empty(poly_norm.COUNT, programs, dtype=torch.float32, device=x.device)
        tensors = (laid_out_like(grad, x), x, grad_x, sums, self._coefficients(parameters, x))
        self._run(backward_kernel, x, axis, *tensors, slots=programs)
        return grad_x, sums.sum(1).reshape(a.shape).to(a.dtype)

    @staticmethod
    def _coefficients(parameters: Sequence[Tensor], x: Tensor) -> Tensor:
        return parameters[0].to(x.device).contiguous()

    @staticmethod
    def _cut(x: Tensor, axis: int) -> tuple[int, dict[str, int]]:
        outer, line, inner, _ = layout_of(x, axis)
        lines = outer * inner
        # What is consecutive in memory, numbers of a line or lines side by side, is the longer side of a tile.
        if inner == 1:
            steps = min(triton.next_power_of_2(line), ELEMENTS)
            many = min(triton.next_power_of_2(lines), ELEMENTS // steps)
        else:
            many = min(triton.next_power_of_2(lines), 128)
            steps = min(triton.next_power_of_2(line), ELEMENTS // many)
        return triton.cdiv(lines, many), {"lines": lines, "line": line, "inner": inner, "LINES": many, "STEPS": steps}

    def _run(self, kernel: triton.JITFunction, x: Tensor, axis: int, *tensors: Tensor, **more: int) -> None:
        programs, arguments = self._cut(x, axis)
        with torch.cuda.device_of(x):
            kernel[(programs,)](*tensors, **arguments, **more, num_warps=8)


kernel = Normalising(poly_norm.formula)
