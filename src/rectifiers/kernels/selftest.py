"""Every kernel against its composite, on inputs of a moment, before anybody relies on it."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from . import conv_threshold
from .kernel import Kernel
from .layout import LAYER

TOLERANCE = 1e-4


def mismatches(device: str = "cpu", stem: str | None = None) -> dict[str, str]:
    """What is wrong with which stem.

    Args:
        device: where to run the kernels.
        stem: the only one to look at.
    """
    found: dict[str, str] = {}
    # The first call may happen where somebody intercepts functions, such as a swapped model.
    outside = torch._C.DisableTorchFunction()
    with torch.random.fork_rng(devices=[]), torch.inference_mode(False), torch.no_grad(), outside:
        torch.manual_seed(0)
        for kernel in (kernel for kernel in Kernel.table.values() if stem in (None, kernel.stem)):
            for shape, axis in (((3, 5, 70), 1), ((301, 5), 1), ((4099,), LAYER)):
                if kernel.stem == "crelu" and axis == LAYER:
                    axis = 0
                worst = _worst_error(kernel, shape, axis, device)
                if not worst < TOLERANCE:
                    found[kernel.stem] = f"the kernel is off its composite by {worst:.1e} at shape {shape}"
        if stem in (None, conv_threshold.STEM):
            worst = _worst_convolution_error(device)
            # A GPU may round what it multiplies to TF32, if PyTorch's settings let convolutions do so.
            if not worst < (100 * TOLERANCE if device == "cuda" else TOLERANCE):
                found[conv_threshold.STEM] = f"the kernel is off its composite by {worst:.1e}"
    return found


def _worst_error(kernel: Kernel, shape: tuple[int, ...], axis: int, device: str) -> float:
    # Drawn on the processor, so that no GPU's generator has to be set back.
    x = 2 * torch.randn(shape).to(device)
    units = () if axis == LAYER else (shape[axis],)
    lead = (3,) if kernel.listed else ()
    parameters = [0.2 + torch.rand((*lead, *units)).to(device) for _ in range(_count(kernel))]
    out = kernel.forward(x, parameters, axis)
    grad = torch.randn(out.shape).to(device)
    inverted = kernel.keeps_output(x, parameters)
    found = kernel.backward(grad, out if inverted else x, parameters, axis, inverted)
    inputs = [tensor.requires_grad_() for tensor in (x, *parameters)]
    with torch.enable_grad():
        expected = kernel.composite(inputs[0], inputs[1:], axis)
        slopes = torch.autograd.grad(expected, inputs, grad)
    pairs = zip((out, *found), (expected, *slopes), strict=True)
    return max(_error(one, other) for one, other in pairs)


def _worst_convolution_error(device: str) -> float:
    sizes = ((3, 4, 9, 19), (34, 2, 3, 2), (4, 3, 2), (34,))
    x, weight, threshold, bias = (torch.randn(size).to(device) for size in sizes)
    settings: tuple[Any, ...] = ((2, 1), (1, 0, 1, 2), (1, 2), 2)
    out = torch.ops.rectifiers.conv_threshold_forward(x, weight, threshold, bias, *settings)
    grad = torch.randn(out.shape).to(device)
    found = torch.ops.rectifiers.conv_threshold_backward(grad, x, weight, threshold, *settings)
    inputs: list[Any] = [tensor.requires_grad_() for tensor in (x, weight, threshold, bias)]
    with torch.enable_grad():
        expected = conv_threshold.composite(*(*inputs, *settings))
        slopes = torch.autograd.grad(expected, inputs, grad)
    return max(_error(one, other) for one, other in zip((out, *found), (expected, *slopes), strict=True))


def _count(kernel: Kernel) -> int:
    from .operators import SCHEMAS

    return len(SCHEMAS[kernel.stem][0])


def _error(found: Tensor | None, expected: Tensor) -> float:
    assert found is not None
    return float((found - expected).abs().max() / expected.abs().max().clamp(min=1))
