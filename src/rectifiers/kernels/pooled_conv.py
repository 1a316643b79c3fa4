"""A convolution with max-pooling of 2 × 2 pixels after it, in one pass.

The convolution's output is never in memory, and its gradient, three quarters of which are zeros, is not computed with.

Shapes: N batch, C input channels, O output channels, H and W sides.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from . import dispatch
from .eager import is_eager, is_plain, records_gradients
from .formula import Formula, gradients, relative_error, samples

NAME = "pooled_conv"

_MOST_TILE = 1 << 18
"""Numbers of a block of samples, padding included, that stay in the nearer caches."""
_MOST_WEIGHTS = 1 << 16
_SAMPLES = 16
"""Samples of a block; of few, most lanes of a vector would stay empty."""


def composite(x: Tensor, weight: Tensor, bias: Tensor | None, padding: int) -> Tensor:
    """The same in composite PyTorch.

    Args:
        x: (N, C, H, W).
        weight: (O, C, kernel height, kernel width).
        bias: (O,) or None.
        padding: zeros on each side.

    Returns:
        Tensor of shape (N, O, ⌊(H + 2·padding − kernel height + 1)/2⌋, …).
    """
    return F.max_pool2d(F.conv2d(x, weight, bias, padding=padding), 2)


def convolve(x: Tensor, weight: Tensor, bias: Tensor | None, padding: int) -> Tensor | None:
    """The convolution by its kernel, or None where that cannot serve or would be slower; see `composite`."""
    tensors = (x, weight) if bias is None else (x, weight, bias)
    if not (is_eager() and all(map(_is_single, tensors)) and _suits(x, weight, padding) and dispatch.serves(NAME, x)):
        return None
    if records_gradients() and any(tensor.requires_grad for tensor in tensors):
        out: Tensor = _Differentiable.apply(x, weight, bias, padding)
        return out
    value: Tensor = dispatch.operator(f"{NAME}_forward")(x, weight, bias, padding)[0]
    return value


def _is_single(tensor: Tensor) -> bool:
    return is_plain(tensor) and tensor.is_cpu and tensor.dtype is torch.float32


def _suits(x: Tensor, weight: Tensor, padding: int) -> bool:
    """Whether this is the faster way; by shapes alone, so that the same call always has the same bits."""
    samples, channels, height, width = x.shape
    kernel = weight.shape[2:]
    tile = _SAMPLES * channels * (height + 2 * padding) * (width + 2 * padding)
    fits = height + 2 * padding > kernel[0] and width + 2 * padding > kernel[1]
    return fits and 4 * samples >= 3 * _SAMPLES and 0 < tile <= _MOST_TILE and weight.numel() <= _MOST_WEIGHTS


def _backward(
    grad: Tensor, x: Tensor, weight: Tensor, bias: Tensor | None, places: Tensor, padding: int, needs_input: bool
) -> tuple[Tensor | None, ...]:
    """Gradients of input, weight and bias: by the operator or, for higher orders, by the composite."""
    if not torch.is_grad_enabled() and is_eager():
        found: Any = dispatch.operator(f"{NAME}_backward")(grad, x, weight, places, padding, needs_input)
        return found[0] if needs_input else None, found[1], None if bias is None else found[2]
    create_graph = torch.is_grad_enabled()
    with torch.enable_grad():
        views = [tensor.view_as(tensor) for tensor in (x, weight, *(() if bias is None else (bias,)))]
        inputs = [view if view.requires_grad else view.detach().requires_grad_() for view in views]
        out = composite(inputs[0], inputs[1], inputs[2] if bias is not None else None, padding)
        slopes = torch.autograd.grad(out, inputs, grad, create_graph=create_graph)
    return (*slopes, *(None,) * (3 - len(slopes)))


class _Differentiable(torch.autograd.Function):
    """The kernel's operators as one node of the graph."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, padding: int) -> Tensor:
        out, places = dispatch.operator(f"{NAME}_forward")(x, weight, bias, padding)
        ctx.padding = padding
        ctx.save_for_backward(x, weight, bias, places)
        found: Tensor = out
        return found

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        x, weight, bias, places = ctx.saved_tensors
        return *_backward(grad, x, weight, bias, places, ctx.padding, ctx.needs_input_grad[0]), None


class PooledConvolutionFormula(Formula):
    """The declaration of the convolution's operators."""

    name = NAME

    def schemas(self) -> Iterator[str]:
        """Declarations of its operators, in PyTorch's language."""
        for name in (NAME, f"{NAME}_forward"):
            yield f"{name}(Tensor x, Tensor weight, Tensor? bias, int padding) -> (Tensor, Tensor)"
        rest = "Tensor x, Tensor weight, Tensor places, int padding, bool needs_input"
        yield f"{NAME}_backward(Tensor grad, {rest}) -> (Tensor, Tensor, Tensor)"

    def register(self, library: torch.library.Library, variants: Sequence[Any]) -> None:
        """Tell PyTorch the shapes and derivatives of its operators."""
        name = f"rectifiers::{NAME}"
        for forward in (name, f"{name}_forward"):
            torch.library.register_fake(forward, _fake, lib=library)
        torch.library.register_fake(f"{name}_backward", _fake_backward, lib=library)
        torch.library.register_autograd(name, _backward_of_operator, setup_context=_setup_context, lib=library)

    def errors(self, device: str) -> Iterator[tuple[str, float]]:
        """How far its kernel is from its reference, on some random inputs."""
        for shape, outputs, kernel, padding in (((19, 3, 9, 12), 7, (3, 4), 1), ((16, 20, 7, 6), 3, (5, 5), 0)):
            x = samples(shape, device=device)
            weight, bias = samples(outputs, shape[1], *kernel, device=device), samples(outputs, device=device)
            out, places = dispatch.operator(f"{NAME}_forward")(x, weight, bias, padding)
            grad = samples(out.shape, device=device)
            found = dispatch.operator(f"{NAME}_backward")(grad, x, weight, places, padding, True)
            inputs = [tensor.requires_grad_() for tensor in (x, weight, bias)]
            with torch.enable_grad():
                expected = composite(x, weight, bias, padding)
                slopes = gradients(expected, inputs, grad)
            yield f"shape {shape}", relative_error((out, *found), (expected, *slopes))


formula = PooledConvolutionFormula()


def _setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
    x, weight, bias, ctx.padding = inputs
    ctx.mark_non_differentiable(output[1])
    ctx.save_for_backward(x, weight, bias, output[1])


def _backward_of_operator(ctx: Any, grad: Tensor, of_places: Any) -> tuple[Tensor | None, ...]:
    x, weight, bias, places = ctx.saved_tensors
    return *_backward(grad, x, weight, bias, places, ctx.padding, ctx.needs_input_grad[0]), None


def _has_channels_last(x: Tensor) -> bool:
    return x.is_contiguous(memory_format=torch.channels_last) and (not x.is_contiguous() or x.stride(1) == 1)


def _format(x: Tensor) -> torch.memory_format:
    return torch.channels_last if _has_channels_last(x) else torch.contiguous_format


def _fake(x: Tensor, weight: Tensor, bias: Tensor | None, padding: int) -> tuple[Tensor, Tensor]:
    sides = [(size + 2 * padding - taps + 1) // 2 for size, taps in zip(x.shape[2:], weight.shape[2:], strict=True)]
    outputs = weight.shape[0]
    places = (-(-x.shape[0] // _SAMPLES), sides[0] * sides[1], outputs, _SAMPLES)
    y = torch.empty((x.shape[0], outputs, *sides), dtype=x.dtype, device=x.device, memory_format=_format(x))
    return y, torch.empty(places, dtype=torch.uint8, device=x.device)


def _fake_backward(
    grad: Tensor, x: Tensor, weight: Tensor, places: Tensor, padding: int, needs_input: bool
) -> tuple[Tensor, Tensor, Tensor]:
    return (
        torch.empty(x.shape, dtype=x.dtype, device=x.device, memory_format=_format(x))
        if needs_input
        else x.new_empty(0),
        torch.empty_like(weight, memory_format=torch.contiguous_format),
        weight.new_empty(weight.shape[0]),
    )
