"""Kernels and arguments for them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
import torch
from torch import Tensor

from rectifiers.kernels.kernel import ELEMENT, LAYER, Kernel
from rectifiers.kernels.operators import SCHEMAS

KERNELS = list(Kernel.table.values())
IDS = ["-".join(map(str, key)) for key in Kernel.table]
WITH_PARAMETERS = [kernel for kernel in KERNELS if SCHEMAS[kernel.stem][0]]

every = pytest.mark.parametrize("kernel", KERNELS, ids=IDS)
needs_library = pytest.mark.usefixtures("compiled")


def axes(kernel: Kernel, shape: Sequence[int]) -> list[int]:
    """The axes that a kernel can have for inputs of this shape."""
    dims = list(range(len(shape)))
    return dims if kernel.stem == "crelu" else [LAYER, ELEMENT, *dims] if shape else [LAYER]


def parameters(
    kernel: Kernel, shape: Sequence[int], axis: int, dtype: torch.dtype = torch.float64, coefficients: int = 3
) -> list[Tensor]:
    """Parameters that fit, away from the bounds of their domains."""
    units = () if axis == LAYER else tuple(shape[1:]) if axis == ELEMENT else (shape[axis],)
    lead = (coefficients,) if kernel.listed else ()
    return [(0.2 + 0.6 * torch.rand((*lead, *units))).to(dtype) for _ in SCHEMAS[kernel.stem][0]]


def fast(kernel: Kernel, x: Tensor, given: Sequence[Tensor], axis: int, grad: Tensor) -> list[Tensor]:
    """Output and gradients by the kernel, into memory that held NaN before."""
    poison(grad, x, *given)
    return derived(lambda x, *given: kernel.apply(x, given, axis, tracked=True), x, given, grad)


def slow(kernel: Kernel, x: Tensor, given: Sequence[Tensor], axis: int, grad: Tensor) -> list[Tensor]:
    """Output and gradients by the composite."""
    return derived(lambda x, *given: kernel.composite(x, given, axis), x, given, grad)


def derived(function: Callable[..., Tensor], x: Tensor, given: Sequence[Tensor], grad: Tensor) -> list[Tensor]:
    inputs = [tensor.detach().requires_grad_() for tensor in (x, *given)]
    out = function(*inputs)
    return [out.detach(), *torch.autograd.grad(out, inputs, grad)]


def poison(*models: Tensor) -> None:
    """Leave NaN in memory that was just freed, for the next tensors of these sizes to get."""
    held = [torch.full_like(model, torch.nan) for model in models for _ in range(4)]
    held.clear()


def output_grad(kernel: Kernel, x: Tensor, axis: int) -> Tensor:
    """A gradient for the output, which CReLU doubles."""
    return torch.randn_like(torch.cat((x, x), axis) if kernel.stem == "crelu" else x)
