"""Every kernel against its composite, on inputs of a moment, before anybody relies on it."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from . import conv_threshold, dispatch
from .kernel import LAYER, Kernel

TOLERANCE = 1e-4


def mismatches() -> dict[str, str]:
    """What is wrong with which stem."""
    found: dict[str, str] = {}
    with torch.random.fork_rng(devices=[]), torch.inference_mode(False), torch.no_grad():
        torch.manual_seed(0)
        for kernel in Kernel.table.values():
            for shape, axis in (((3, 5, 70), 1), ((301, 5), 1), ((4099,), LAYER)):
                if kernel.stem == "crelu" and axis == LAYER:
                    axis = 0
                worst = _worst_error(kernel, shape, axis)
                if not worst < TOLERANCE:
                    found[kernel.stem] = f"the kernel is off its composite by {worst:.1e} at shape {shape}"
        worst = _worst_convolution_error()
        if not worst < TOLERANCE:
            found[conv_threshold.STEM] = f"the kernel is off its composite by {worst:.1e}"
    return found


def _worst_error(kernel: Kernel, shape: tuple[int, ...], axis: int) -> float:
    x, grad = 2 * torch.randn(shape), None
    units = () if axis == LAYER else (shape[axis],)
    lead = (3,) if kernel.listed else ()
    parameters = [0.2 + torch.rand((*lead, *units)) for _ in range(_count(kernel))]
    out = kernel.forward(x, parameters, axis)
    grad = torch.randn(out.shape)
    inverted = kernel.keeps_output(x, parameters)
    found = kernel.backward(grad, out if inverted else x, parameters, axis, inverted)
    inputs = [tensor.requires_grad_() for tensor in (x, *parameters)]
    with torch.enable_grad():
        expected = kernel.composite(inputs[0], inputs[1:], axis)
        slopes = torch.autograd.grad(expected, inputs, grad)
    pairs = zip((out, *found), (expected, *slopes), strict=True)
    return max(_error(one, other) for one, other in pairs)


def _worst_convolution_error() -> float:
    x, weight, threshold, bias = (
        torch.randn(3, 4, 9, 19),
        torch.randn(34, 2, 3, 2),
        torch.randn(4, 3, 2),
        torch.randn(34),
    )
    settings = ((2, 1), (1, 0, 1, 2), (1, 2), 2)
    out = dispatch.operator(f"{conv_threshold.STEM}_forward")(x, weight, threshold, bias, *settings)
    grad = torch.randn(out.shape)
    found: Any = dispatch.operator(f"{conv_threshold.STEM}_backward")(grad, x, weight, threshold, *settings)
    inputs = [tensor.requires_grad_() for tensor in (x, weight, threshold, bias)]
    with torch.enable_grad():
        expected = conv_threshold.composite(x, weight, threshold, bias, *settings)
        slopes = torch.autograd.grad(expected, inputs, grad)
    return max(_error(one, other) for one, other in zip((out, *found), (expected, *slopes), strict=True))


def _count(kernel: Kernel) -> int:
    from .operators import SCHEMAS

    return len(SCHEMAS[kernel.stem][0])


def _error(found: Tensor | None, expected: Tensor) -> float:
    assert found is not None
    return float((found - expected).abs().max() / expected.abs().max().clamp(min=1))
