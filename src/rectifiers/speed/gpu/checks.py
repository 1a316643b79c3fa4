"""Kernels against their references in float64, output and all gradients."""

from __future__ import annotations

import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from ...kernels import conv_threshold
from ...kernels.elementwise import ElementwiseFormula
from ...kernels.layout import LAYER
from ...kernels.triton import loading
from ..measure import LAYOUTS, distance
from .device import Device
from .pieces import DTYPES, Piece, Sizes, variants

TOLERANCES = {torch.float32: 1e-5, torch.bfloat16: 2**-7, torch.float16: 2**-10}
"""Largest error, in units of the largest value: what float32 sums leave, or the last digit of the dtype."""

TF32_TOLERANCE = 5e-3


def check(piece: Piece, device: Device, sizes: Sizes) -> dict[str, Any]:
    """Compare the kernels of a formula in one dtype.

    Returns:
        Under `cases`, per layout and granularity, the largest error, what is allowed, and the seconds of the first
        call, which compiles; `passed` tells whether all are right.
    """
    torch.manual_seed(zlib.crc32(piece.key.encode()))
    convolves = piece.subject == conv_threshold.NAME
    formula = None if convolves else variants()[piece.subject]
    name = conv_threshold.NAME if formula is None else formula.name
    state = loading.state(name, warn=False)
    if name not in state.formulas:
        return {"passed": False, "error": f"not taken: {state.why(name)}"}
    dtype = DTYPES[piece.dtype]
    cases = list(_convolutions(dtype, device, sizes) if formula is None else _cases(formula, dtype, device, sizes))
    return {"passed": all(case["error"] <= case["allowed"] for case in cases), "cases": cases}


def _cases(formula: ElementwiseFormula, dtype: torch.dtype, device: Device, sizes: Sizes) -> Iterator[dict[str, Any]]:
    shape = sizes.checked
    for layout, memory_format in LAYOUTS.items():
        for share, axis in (("channel", 1),) if formula.along else (("layer", LAYER), ("channel", 1)):
            x = torch.randn(shape, device=device.place).to(dtype).contiguous(memory_format=memory_format)
            units = () if axis == LAYER or formula.along else (shape[axis],)
            leads = [(parameter.count or 4,) if parameter.listed else () for parameter in formula.parameters]
            given = [0.2 + 0.6 * torch.rand((*lead, *units), device=device.place) for lead in leads]

            def run(x: Tensor, *given: Tensor, axis: int = axis) -> Tensor:
                return formula.apply(x, given, axis, tracked=True)

            def exact(x: Tensor, *given: Tensor, axis: int = axis) -> Tensor:
                return formula.composite(x, given, axis)

            yield {"layout": layout, "share": share, **_compare(run, exact, (x, *given), TOLERANCES[dtype], distance)}


def _convolutions(dtype: torch.dtype, device: Device, sizes: Sizes) -> Iterator[dict[str, Any]]:
    batch, channels, *sides = sizes.convolved
    tensors = [
        torch.randn(size, device=device.place)
        for size in ((batch, channels, *sides), (channels, channels, 3, 3), (channels, 3, 3), (channels,))
    ]
    precisions = ("ieee", "tf32") if dtype is torch.float32 and not device.simulated else ("ieee",)
    for layout, memory_format in LAYOUTS.items():
        given = [tensor.to(dtype) for tensor in tensors]
        given[:2] = [tensor.contiguous(memory_format=memory_format) for tensor in given[:2]]
        for precision in precisions:
            allowed = TF32_TOLERANCE if precision == "tf32" else TOLERANCES[dtype]
            with _precision(precision):
                yield {"layout": layout, "share": precision, **_compare(_convolve, _exactly, given, allowed, _norms)}


def _convolve(x: Tensor, weight: Tensor, threshold: Tensor, bias: Tensor) -> Tensor:
    return conv_threshold.convolve(x, weight, threshold, bias, (1, 1), ((1, 1), (1, 1)), (1, 1), 1)


def _exactly(x: Tensor, weight: Tensor, threshold: Tensor, bias: Tensor) -> Tensor:
    return conv_threshold.composite(x, weight, threshold, bias, (1, 1), (1, 1, 1, 1), (1, 1), 1)


def _norms(found: Sequence[Tensor], truth: Sequence[Tensor]) -> float:
    """The largest error, as norms of whole tensors: products of many summands are all rounded."""
    return max(float((one - other).norm() / other.norm()) for one, other in zip(found, truth, strict=True))


@contextmanager
def _precision(name: str) -> Iterator[None]:
    convolutions: Any = torch.backends.cudnn.conv  # type: ignore[attr-defined]
    before = convolutions.fp32_precision
    convolutions.fp32_precision = name
    try:
        yield
    finally:
        convolutions.fp32_precision = before


def _compare(
    run: Callable[..., Tensor],
    exact: Callable[..., Tensor],
    given: Sequence[Tensor],
    allowed: float,
    error: Callable[[Sequence[Tensor], Sequence[Tensor]], float],
) -> dict[str, Any]:
    start = time.perf_counter()
    out, inputs = _traced(run, given)
    grad = torch.randn_like(out)
    found = [out.detach(), *torch.autograd.grad(out, inputs, grad)]
    worst = [float(tensor.abs().max()) for tensor in found]  # waits for the device
    seconds = time.perf_counter() - start
    value, doubles = _traced(exact, [tensor.double() for tensor in given])
    truth = [value.detach(), *torch.autograd.grad(value, doubles, grad.double())]
    wide = [tensor.double() for tensor in found]
    off = error(wide, truth) if all(number == number for number in worst) else float("inf")
    return {"error": off, "allowed": allowed, "first_call_seconds": round(seconds, 2)}


def _traced(function: Callable[..., Tensor], given: Sequence[Tensor]) -> tuple[Tensor, list[Tensor]]:
    inputs = [tensor.detach().requires_grad_() for tensor in given]
    return function(*inputs), inputs
