"""Formulas and arguments for them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
import torch
from torch import Tensor

from rectifiers.kernels.elementwise import ElementwiseFormula
from rectifiers.kernels.formulas import FORMULAS
from rectifiers.kernels.layout import ELEMENT, LAYER

ELEMENTWISE = [formula for formula in FORMULAS if isinstance(formula, ElementwiseFormula)]
NAMED = {"-".join(map(str, (formula.name, *map(int, formula.values)))): formula for formula in ELEMENTWISE}
WITH_PARAMETERS = [formula for formula in ELEMENTWISE if formula.parameters]

every = pytest.mark.parametrize("formula", NAMED.values(), ids=NAMED)
needs_library = pytest.mark.usefixtures("compiled")


def axes(formula: ElementwiseFormula, shape: Sequence[int]) -> list[int]:
    """The axes that a formula can have for inputs of this shape."""
    dims = list(range(len(shape)))
    return dims if formula.along else [LAYER, ELEMENT, *dims] if shape else [LAYER]


def parameters(
    formula: ElementwiseFormula,
    shape: Sequence[int],
    axis: int,
    dtype: torch.dtype = torch.float64,
    coefficients: int = 3,
) -> list[Tensor]:
    """Parameters that fit, away from the bounds of their domains."""
    layer = axis == LAYER or formula.along
    units = () if layer else tuple(shape[1:]) if axis == ELEMENT else (shape[axis],)
    leads = [(parameter.count or coefficients,) if parameter.listed else () for parameter in formula.parameters]
    return [(0.2 + 0.6 * torch.rand((*lead, *units))).to(dtype) for lead in leads]


def fast(formula: ElementwiseFormula, x: Tensor, given: Sequence[Tensor], axis: int, grad: Tensor) -> list[Tensor]:
    """Output and gradients by the kernel, into memory that held NaN before."""
    poison(grad, x, *given)
    return derived(lambda x, *given: formula.apply(x, given, axis, tracked=True), x, given, grad)


def slow(formula: ElementwiseFormula, x: Tensor, given: Sequence[Tensor], axis: int, grad: Tensor) -> list[Tensor]:
    """Output and gradients by the reference."""
    return derived(lambda x, *given: formula.composite(x, given, axis), x, given, grad)


def derived(function: Callable[..., Tensor], x: Tensor, given: Sequence[Tensor], grad: Tensor) -> list[Tensor]:
    inputs = [tensor.detach().requires_grad_() for tensor in (x, *given)]
    out = function(*inputs)
    return [out.detach(), *torch.autograd.grad(out, inputs, grad)]


def poison(*models: Tensor) -> None:
    """Leave NaN in memory that was just freed, for the next tensors of these sizes to get."""
    held = [torch.full_like(model, torch.nan) for model in models for _ in range(4)]
    held.clear()


def output_grad(formula: ElementwiseFormula, x: Tensor, axis: int) -> Tensor:
    """A gradient for the output, which CReLU doubles."""
    return torch.randn_like(torch.cat((x, x), axis) if formula.doubles else x)
