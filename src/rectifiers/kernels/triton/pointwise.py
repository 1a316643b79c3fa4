"""Formulas of an element and the coefficients of its unit, run over a tensor in one pass."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
import triton
import triton.language as tl
from torch import Tensor

from ..layout import Layout, empty_output, laid_out_like, layout_of, ready
from .tile import Cut, deposit, place  # noqa: F401


@triton.jit
def forward_kernel(
    x,
    y,
    first,
    second,
    rows,
    bands,
    width,
    total,
    segments,
    inner,
    first_unit,
    first_step,
    second_unit,
    second_step,
    ROWS: tl.constexpr,
    COLUMNS: tl.constexpr,
    VARYING: tl.constexpr,
    FORMULA: tl.constexpr,
    FIRSTS: tl.constexpr,
    SECONDS: tl.constexpr,
    SETTING: tl.constexpr,
):
    """Write FORMULA of x to y, element by element."""
    offset, mask, unit, _, _ = place(rows, bands, width, total, segments, inner, ROWS, COLUMNS, VARYING)
    here = tl.load(x + offset, mask=mask, other=0.0).to(tl.float32)
    a = first + unit * first_unit
    b = second + unit * second_unit
    tl.store(y + offset, FORMULA(here, a, b, first_step, second_step, FIRSTS, SECONDS, SETTING), mask=mask)


@triton.jit
def backward_kernel(
    grad,
    saved,
    grad_x,
    sums,
    first,
    second,
    rows,
    bands,
    width,
    total,
    segments,
    inner,
    slots,
    first_unit,
    first_step,
    second_unit,
    second_step,
    ROWS: tl.constexpr,
    COLUMNS: tl.constexpr,
    VARYING: tl.constexpr,
    FORMULA: tl.constexpr,
    FIRSTS: tl.constexpr,
    SECONDS: tl.constexpr,
    SETTING: tl.constexpr,
    INVERTED: tl.constexpr,
):
    """The gradient of x, and per program the sums that make the gradients of the coefficients."""
    offset, mask, unit, slot, kept = place(rows, bands, width, total, segments, inner, ROWS, COLUMNS, VARYING)
    up = tl.load(grad + offset, mask=mask, other=0.0).to(tl.float32)
    here = tl.load(saved + offset, mask=mask, other=0.0).to(tl.float32)
    a = first + unit * first_unit
    b = second + unit * second_unit
    sink = (sums, slots, slot, kept, mask)
    slope = FORMULA(up, here, a, b, first_step, second_step, sink, FIRSTS, SECONDS, SETTING, INVERTED, VARYING)
    tl.store(grad_x + offset, slope, mask=mask)


class Coefficients(NamedTuple):
    """A parameter as the kernels read it: coefficient k of unit u stands at k·step + u·unit."""

    tensor: Tensor
    rows: int
    unit: int
    step: int

    @classmethod
    def of(cls, parameter: Tensor, x: Tensor, layout: Layout, *, listed: bool) -> Coefficients:
        """`parameter` with its units in memory order, on the device of `x`."""
        tensor, lead = parameter.to(x.device), int(listed)
        if _varies(parameter, layout, lead):
            tensor = tensor.permute(*range(lead), *_sample_order(layout, lead))
        rows = parameter.shape[0] if listed else 1
        units = parameter.numel() // max(rows, 1)
        return cls(tensor.contiguous(), rows, int(units > 1), units)

    def gradient(self, sums: Tensor, parameter: Tensor, layout: Layout, *, listed: bool) -> Tensor:
        """The parameter's gradient, out of the sums per coefficient and unit."""
        lead = int(listed)
        if self.step == 1:
            return sums.sum(1).reshape(parameter.shape).to(parameter.dtype)
        if not _varies(parameter, layout, lead):
            return sums.reshape(parameter.shape).to(parameter.dtype)
        order = (*range(lead), *_sample_order(layout, lead))
        sizes = [parameter.shape[dim] for dim in order]
        back = sorted(range(len(order)), key=order.__getitem__)
        return sums.reshape(sizes).permute(back).contiguous().to(parameter.dtype)


class Pointwise:
    """A formula and its derivative as operators over whole tensors.

    Args:
        value: of an element, in float32; takes what `forward_kernel` passes.
        gradient: of the element; takes what `backward_kernel` passes, and deposits its addition to the gradient of
            each coefficient.
        parameters: how many there are, one or two.
        listed: whether the first axis of the parameters counts coefficients.
        warps: how many share a tile; more leave a thread fewer elements and so more registers for each.
    """

    def __init__(self, value: Any, gradient: Any, *, parameters: int, listed: bool = False, warps: int = 4) -> None:
        self.value, self.gradient, self.parameters, self.listed = value, gradient, parameters, listed
        self.warps = warps

    def forward(self, x: Tensor, parameters: Sequence[Tensor], axis: int, setting: int = 0) -> Tensor:
        """The formula's value; the arguments are those of the operator."""
        x = ready(x, axis)
        y = empty_output(x, axis)
        if x.numel():
            layout = layout_of(x, axis)
            cut = Cut.of(layout)
            coefficients = self._coefficients(parameters, x, layout)
            with torch.cuda.device_of(x):
                forward_kernel[(cut.programs,)](
                    x,
                    y,
                    **cut.arguments(),
                    **self._arguments(coefficients),
                    FORMULA=self.value,
                    SETTING=setting,
                    num_warps=self.warps,
                )
        return y

    def backward(
        self,
        grad: Tensor,
        saved: Tensor,
        parameters: Sequence[Tensor],
        axis: int,
        setting: int = 0,
        inverted: bool = False,
    ) -> tuple[Tensor, ...]:
        """Gradients of the input and of each parameter; the arguments are those of the operator."""
        saved = ready(saved, axis)
        grad_x = empty_output(saved, axis)
        if not saved.numel():
            return grad_x, *(torch.zeros_like(parameter) for parameter in parameters)
        layout = layout_of(saved, axis)
        cut = Cut.of(layout)
        coefficients = self._coefficients(parameters, saved, layout)
        counts = [each.rows for each in coefficients]
        sums = torch.empty(sum(counts), cut.slots, dtype=torch.float32, device=saved.device)
        with torch.cuda.device_of(saved):
            backward_kernel[(cut.programs,)](
                laid_out_like(grad, saved),
                saved,
                grad_x,
                sums,
                **cut.arguments(),
                slots=cut.slots,
                **self._arguments(coefficients),
                FORMULA=self.gradient,
                SETTING=setting,
                INVERTED=inverted,
                num_warps=self.warps,
            )
        gradients = [
            each.gradient(part, parameter, layout, listed=self.listed)
            for each, part, parameter in zip(coefficients, cut.total_of(sums).split(counts), parameters, strict=True)
        ]
        return grad_x, *gradients

    def _coefficients(self, parameters: Sequence[Tensor], x: Tensor, layout: Layout) -> list[Coefficients]:
        return [Coefficients.of(parameter, x, layout, listed=self.listed) for parameter in parameters]

    def _arguments(self, coefficients: Sequence[Coefficients]) -> dict[str, Any]:
        # A formula of one parameter does not look at the second.
        first, second = coefficients[0], coefficients[-1]
        return {
            "first": first.tensor,
            "second": second.tensor,
            "first_unit": first.unit,
            "first_step": first.step,
            "second_unit": second.unit,
            "second_step": second.step,
            "FIRSTS": first.rows,
            "SECONDS": second.rows,
        }


def _varies(parameter: Tensor, layout: Layout, lead: int) -> bool:
    """Whether a parameter has a unit per element of a sample, and these have an order in memory."""
    return len(layout.order) == parameter.ndim - lead and len(layout.order) > 0


def _sample_order(layout: Layout, lead: int) -> tuple[int, ...]:
    return tuple(dim - 1 + lead for dim in layout.order)
