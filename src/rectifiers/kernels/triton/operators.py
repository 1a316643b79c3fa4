"""The kernels behind PyTorch's operators, for CUDA tensors or, where Triton interprets, for those of the processor."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from ...core.errors import DtypeError
from ..kernel import Kernel
from ..operators import SCHEMAS
from . import conv_threshold, crelu, hinges, rational, threshold, two_slopes, wave

STEMS: dict[str, Any] = {
    "crelu": crelu.pointwise,
    "hinges": hinges.pointwise,
    "rational": rational.pointwise,
    "threshold": threshold.pointwise,
    "two_slopes": two_slopes.pointwise,
    "wave": wave.pointwise,
    "wave_below": wave.pointwise_below,
}

LEAST_SLOPE = 1 / 1024

_DTYPES = (torch.float32, torch.bfloat16, torch.float16)

_library = torch.library.Library("rectifiers", "IMPL")


def register(key: str) -> None:
    """Let the operators run the kernels, which `rectifiers.kernels.operators` has defined.

    Args:
        key: PyTorch's dispatch key of the device, `CUDA` or `CPU`.
    """
    for stem in (*STEMS, "conv_threshold"):
        forward, backward = implementations(stem) if stem in STEMS else (convolve, convolve_backward)
        _library.impl(stem, forward, key)
        _library.impl(f"{stem}_forward", forward, key)
        _library.impl(f"{stem}_backward", backward, key)
    # Under a key that gives way to the compiled library's own answer.
    _library.impl("two_slopes_invertible", invertible, "CompositeExplicitAutograd")


def convolve(x: Tensor, weight: Tensor, threshold: Tensor, bias: Tensor | None, *settings: Any) -> Tensor:
    """ConvReLU's operator forward."""
    _check(x)
    return conv_threshold.forward(x, weight, threshold, bias, _geometry(weight, *settings))


def convolve_backward(
    grad: Tensor, x: Tensor, weight: Tensor, threshold: Tensor, *settings: Any
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """ConvReLU's operator backward."""
    _check(x)
    return conv_threshold.backward(grad, x, weight, threshold, _geometry(weight, *settings))


def _geometry(
    weight: Tensor, stride: Sequence[int], padding: Sequence[int], dilation: Sequence[int], groups: int
) -> conv_threshold.Geometry:
    margins = list(zip(padding[::2], padding[1::2], strict=True))
    return conv_threshold.Geometry.of(weight.shape[2:], stride, margins, dilation, groups)


def invertible(negative: Tensor, positive: Tensor, slopes: int) -> bool:
    """Whether both slopes are known to be so far above zero that the input can be told from the output."""
    # Reading them from a GPU would make the processor wait for it.
    if negative.is_cuda or positive.is_cuda:
        return False
    formula, one = Kernel.table["two_slopes", slopes].formula, torch.ones(())
    values = torch.cat(
        [side.flatten() for side in (-formula(-one, negative, positive), formula(one, negative, positive))]
    )
    return bool(((values >= LEAST_SLOPE) & (values <= 1 / LEAST_SLOPE)).all())


def implementations(stem: str) -> tuple[Callable[..., Tensor], Callable[..., Any]]:
    """A stem's operators forward and backward, with the arguments of its schema."""
    kernel, count, settings = STEMS[stem], len(SCHEMAS[stem][0]), SCHEMAS[stem][1].count(",")

    def forward(x: Tensor, *rest: Any) -> Tensor:
        _check(x)
        out: Tensor = kernel.forward(x, rest[:count], rest[count + settings], *map(int, rest[count : count + settings]))
        return out

    def backward(grad: Tensor, saved: Tensor, *rest: Any) -> Any:
        _check(saved)
        parameters, chosen = rest[:count], rest[count : count + settings]
        axis, *flags = rest[count + settings :]
        gradients = kernel.backward(grad, saved, parameters, axis, *map(int, chosen), *flags)
        return gradients if count else gradients[0]

    return forward, backward


def _check(x: Tensor) -> None:
    if x.dtype not in _DTYPES:
        raise DtypeError(f"rectifiers: expected float32, bfloat16 or float16 for a Triton kernel, got {x.dtype}")
