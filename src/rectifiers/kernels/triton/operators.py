"""The kernels behind PyTorch's operators, for CUDA tensors or, where Triton interprets, for those of the processor."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from ...core.errors import DtypeError
from ..conv_threshold import NAME as CONVOLUTION
from ..elementwise import ElementwiseFormula
from ..formulas import FORMULAS
from . import (
    conv_threshold,
    crelu,
    cut,
    hinges,
    poly_norm,
    poly_relu,
    rational,
    squared,
    threshold,
    two_slopes,
    wave,
    xielu,
)
from .pointwise import Kernel

KERNELS: dict[str, Kernel] = {
    kernel.formula.name: kernel
    for kernel in (
        crelu.kernel,
        cut.kernel,
        hinges.kernel,
        poly_norm.kernel,
        poly_relu.kernel,
        rational.kernel,
        squared.kernel,
        threshold.kernel,
        two_slopes.kernel,
        wave.kernel,
        wave.kernel_below,
        xielu.kernel,
    )
}

LEAST_COEFFICIENT = 1 / 1024

_DTYPES = (torch.float32, torch.bfloat16, torch.float16)

_library = torch.library.Library("rectifiers", "IMPL")


def register(key: str) -> None:
    """Let the operators run the kernels, which `rectifiers.kernels.operators` has defined.

    Args:
        key: PyTorch's dispatch key of the device, `CUDA` or `CPU`.
    """
    operators = {name: implementations(kernel) for name, kernel in KERNELS.items()}
    operators[CONVOLUTION] = (convolve, convolve_backward)
    for name, (forward, backward) in operators.items():
        _library.impl(name, forward, key)
        _library.impl(f"{name}_forward", forward, key)
        _library.impl(f"{name}_backward", backward, key)
    for kernel in KERNELS.values():
        if kernel.formula.flagged:
            # Under a key that gives way to the compiled library's own answer.
            _library.impl(kernel.formula.invertible_name, invertible(kernel.formula), "CompositeExplicitAutograd")


def convolve(x: Tensor, weight: Tensor, threshold: Tensor, bias: Tensor | None, *options: Any) -> Tensor:
    """ConvReLU's operator forward."""
    _check(x)
    return conv_threshold.forward(x, weight, threshold, bias, _geometry(weight, *options))


def convolve_backward(
    grad: Tensor, x: Tensor, weight: Tensor, threshold: Tensor, *options: Any
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """ConvReLU's operator backward."""
    _check(x)
    return conv_threshold.backward(grad, x, weight, threshold, _geometry(weight, *options))


def _geometry(
    weight: Tensor, stride: Sequence[int], padding: Sequence[int], dilation: Sequence[int], groups: int
) -> conv_threshold.Geometry:
    margins = list(zip(padding[::2], padding[1::2], strict=True))
    return conv_threshold.Geometry.of(weight.shape[2:], stride, margins, dilation, groups)


def invertible(formula: ElementwiseFormula) -> Callable[..., bool]:
    """The operator that says whether the input can be told from the output: all coefficients are well above zero."""
    variants = {one.values: one for one in FORMULAS if isinstance(one, ElementwiseFormula) and one.name == formula.name}
    count = len(formula.parameters)

    def answer(*arguments: Any) -> bool:
        parameters, values = arguments[:count], arguments[count:]
        # Reading them from a GPU would make the processor wait for it.
        if any(parameter.is_cuda for parameter in parameters):
            return False
        return all(
            bool(((coefficient >= LEAST_COEFFICIENT) & (coefficient <= 1 / LEAST_COEFFICIENT)).all())
            for coefficient in variants[values].coefficients(parameters)
        )

    return answer


def implementations(kernel: Kernel) -> tuple[Callable[..., Tensor], Callable[..., Any]]:
    """A kernel's operators forward and backward, with the arguments of their schemas."""
    count, options = len(kernel.formula.parameters), len(kernel.formula.options)

    def forward(x: Tensor, *rest: Any) -> Tensor:
        _check(x)
        return kernel.forward(x, rest[:count], rest[count + options], *map(int, rest[count : count + options]))

    def backward(grad: Tensor, saved: Tensor, *rest: Any) -> Any:
        _check(saved)
        option = sum(map(int, rest[count : count + options]))
        axis, *flags = rest[count + options :]
        gradients = kernel.backward(grad, saved, rest[:count], axis, option, *flags)
        return gradients if count else gradients[0]

    return forward, backward


def _check(x: Tensor) -> None:
    if x.dtype not in _DTYPES:
        raise DtypeError(f"rectifiers: expected float32, bfloat16 or float16 for a Triton kernel, got {x.dtype}")
