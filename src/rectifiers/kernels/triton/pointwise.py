"""Formulas of an element and the coefficients of its unit, run over a tensor in one pass."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
import triton
import triton.language as tl
from torch import Tensor

from ..elementwise import ElementwiseFormula
from ..layout import Layout, empty_output, laid_out_like, layout_of, ready
from .tile import Cut, Sink, place


class Coefficients(NamedTuple):
    """The coefficients of a tile's units, as a formula reads them, and what else it has to know.

    Coefficient k of the first parameter stands at `first` + k·`first_step`; the tile has one unit, or one per element.
    A formula of one parameter does not look at the second.

    Args:
        first: pointer to the first parameter.
        second: pointer to the second parameter.
        first_step: distance between coefficients of the first parameter.
        second_step: distance between coefficients of the second parameter.
        FIRSTS: how many coefficients the first parameter has.
        SECONDS: how many coefficients the second parameter has.
        OPTION: the value of the operator's option; 0 if it has none.
        INVERTED: whether the output was saved for the input.
    """

    first: Any
    second: Any
    first_step: Any
    second_step: Any
    FIRSTS: Any
    SECONDS: Any
    OPTION: Any
    INVERTED: Any


# Triton keeps constants in a named tuple only if that is an argument; assigned to a name first, they turn into tensors.
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
    OPTION: tl.constexpr,
):
    """Write FORMULA of x to y, element by element."""
    offset, mask, unit, _, _ = place(rows, bands, width, total, segments, inner, ROWS, COLUMNS, VARYING)
    here = tl.load(x + offset, mask=mask, other=0.0).to(tl.float32)
    a = first + unit * first_unit
    b = second + unit * second_unit
    value = FORMULA(here, Coefficients(a, b, first_step, second_step, FIRSTS, SECONDS, OPTION, False))
    tl.store(y + offset, value, mask=mask)


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
    OPTION: tl.constexpr,
    INVERTED: tl.constexpr,
):
    """The gradient of x, and per program the sums that make the gradients of the coefficients."""
    offset, mask, unit, slot, kept = place(rows, bands, width, total, segments, inner, ROWS, COLUMNS, VARYING)
    up = tl.load(grad + offset, mask=mask, other=0.0).to(tl.float32)
    here = tl.load(saved + offset, mask=mask, other=0.0).to(tl.float32)
    a = first + unit * first_unit
    b = second + unit * second_unit
    slope = FORMULA(
        up,
        here,
        Coefficients(a, b, first_step, second_step, FIRSTS, SECONDS, OPTION, INVERTED),
        Sink(sums, slots, slot, kept, mask, VARYING),
    )
    tl.store(grad_x + offset, slope, mask=mask)


class Stored(NamedTuple):
    """A parameter as the kernels read it: coefficient k of unit u stands at k·step + u·unit."""

    tensor: Tensor
    rows: int
    unit: int
    step: int

    @classmethod
    def of(cls, parameter: Tensor, x: Tensor, layout: Layout, *, listed: bool) -> Stored:
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


class Kernel(ABC):
    """An elementwise formula's operators.

    Args:
        formula: the formula, or one of the variants that share the operators.
    """

    def __init__(self, formula: ElementwiseFormula) -> None:
        self.formula = formula

    @abstractmethod
    def forward(self, x: Tensor, parameters: Sequence[Tensor], axis: int, option: int = 0) -> Tensor:
        """The formula's value."""

    @abstractmethod
    def backward(
        self,
        grad: Tensor,
        saved: Tensor,
        parameters: Sequence[Tensor],
        axis: int,
        option: int = 0,
        inverted: bool = False,
    ) -> tuple[Tensor, ...]:
        """Gradients of the input and of each parameter."""


class Pointwise(Kernel):
    """A formula and its derivative over whole tensors.

    Args:
        formula: the formula, or one of the variants that share the operators.
        value: of an element in float32 and its `Coefficients`.
        gradient: of the element; takes the gradient of the output, what was saved, the `Coefficients`, and the `Sink`
            to which it deposits what it adds to the gradient of each coefficient.
        warps: how many share a tile; more leave a thread fewer elements and so more registers for each.
    """

    def __init__(self, formula: ElementwiseFormula, value: Any, gradient: Any, *, warps: int = 4) -> None:
        super().__init__(formula)
        self.value, self.gradient, self.warps = value, gradient, warps

    def forward(self, x: Tensor, parameters: Sequence[Tensor], axis: int, option: int = 0) -> Tensor:
        """The formula's value."""
        x = ready(x, axis)
        y = empty_output(x, axis)
        if x.numel():
            layout = layout_of(x, axis)
            cut = Cut.of(layout)
            stored = self._store(parameters, x, layout)
            with torch.cuda.device_of(x):
                forward_kernel[(cut.programs,)](
                    x,
                    y,
                    **cut.arguments(),
                    **self._arguments(stored),
                    FORMULA=self.value,
                    OPTION=option,
                    num_warps=self.warps,
                )
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
        """Gradients of the input and of each parameter."""
        saved = ready(saved, axis)
        grad_x = empty_output(saved, axis)
        if not saved.numel():
            return grad_x, *(torch.zeros_like(parameter) for parameter in parameters)
        layout = layout_of(saved, axis)
        cut = Cut.of(layout)
        stored = self._store(parameters, saved, layout)
        counts = [each.rows for each in stored]
        sums = torch.empty(sum(counts), cut.slots, dtype=torch.float32, device=saved.device)
        with torch.cuda.device_of(saved):
            backward_kernel[(cut.programs,)](
                laid_out_like(grad, saved),
                saved,
                grad_x,
                sums,
                **cut.arguments(),
                slots=cut.slots,
                **self._arguments(stored),
                FORMULA=self.gradient,
                OPTION=option,
                INVERTED=inverted,
                num_warps=self.warps,
            )
        parts = cut.total_of(sums).split(counts)
        gradients = [
            each.gradient(part, parameter, layout, listed=declared.listed)
            for each, part, parameter, declared in zip(stored, parts, parameters, self.formula.parameters, strict=True)
        ]
        return grad_x, *gradients

    def _store(self, parameters: Sequence[Tensor], x: Tensor, layout: Layout) -> list[Stored]:
        pairs = zip(parameters, self.formula.parameters, strict=True)
        return [Stored.of(parameter, x, layout, listed=declared.listed) for parameter, declared in pairs]

    def _arguments(self, stored: Sequence[Stored]) -> dict[str, Any]:
        first, second = stored[0], stored[-1]
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
