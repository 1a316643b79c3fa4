"""A convolution whose taps each have a floor: ConvReLU.

Shapes: N batch, C input channels, O output channels, G groups; the rest are one to three spatial axes.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ..core.elementwise import compute_dtype
from . import dispatch
from . import threshold as threshold_kernel
from .kernel import is_eager, is_plain

STEM = "conv_threshold"

_CONVOLUTIONS = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}


def reference(
    x: Tensor,
    weight: Tensor,
    threshold: Tensor,
    bias: Tensor | None,
    stride: Sequence[int],
    dilation: Sequence[int],
    groups: int,
) -> Tensor:
    """Σ over channels and taps of weight·max(input, threshold), one 1×1 convolution per tap.

    A tap's whole gradient at a tie goes to its threshold.

    Args:
        x: padded input, (N, C, …).
        weight: (O, C/G, *kernel).
        threshold: (C, *kernel).
        bias: (O,) or None.
        stride: step of the kernel, per spatial axis.
        dilation: distance between taps, per spatial axis.
        groups: G.

    Returns:
        Tensor of shape (N, O, …).
    """
    kernel = threshold.shape[1:]
    convolution = _CONVOLUTIONS[len(kernel)]
    ones = (1,) * len(kernel)
    axes = list(zip(x.shape[2:], kernel, stride, dilation, strict=True))
    # What a tap sees on an axis: from its own offset on, as far as the last step of the kernel takes it.
    spans = [(size - gap * (taps - 1) - 1) // step * step + 1 for size, taps, step, gap in axes]
    taps = product(*(range(size) for size in kernel))
    floors, weights = threshold.flatten(1).unbind(-1), weight.flatten(2).unbind(-1)
    total: Tensor | None = None
    for tap, floor, column in zip(taps, floors, weights, strict=True):
        window = [
            slice(at * gap, at * gap + span, step)
            for at, span, step, gap in zip(tap, spans, stride, dilation, strict=True)
        ]
        seen = threshold_kernel.reference(x[(slice(None), slice(None), *window)], floor.reshape(-1, *ones))
        column = column.reshape(*column.shape, *ones)
        if total is None:
            total = convolution(seen, column, bias, groups=groups)
        else:
            total = total + convolution(seen, column, groups=groups)
    assert total is not None
    return total


def convolve(
    x: Tensor,
    weight: Tensor,
    threshold: Tensor,
    bias: Tensor | None,
    stride: Sequence[int],
    margins: Sequence[tuple[int, int]],
    dilation: Sequence[int],
    groups: int,
) -> Tensor:
    """The convolution, by its kernel where that can serve.

    Args:
        x: input, (N, C, …).
        weight: (O, C/G, *kernel).
        threshold: (C, *kernel).
        bias: (O,) or None.
        stride: step of the kernel, per spatial axis.
        margins: zeros to add before and after, per spatial axis.
        dilation: distance between taps, per spatial axis.
        groups: G.

    Returns:
        Tensor of shape (N, O, …) and the dtype of `x`.
    """
    tensors = (x, weight, threshold) if bias is None else (x, weight, threshold, bias)
    padding = [side for pair in margins for side in pair]
    settings = (tuple(stride), tuple(padding), tuple(dilation), groups)
    if not _serves(tensors):
        return composite(x, weight, threshold, bias, *settings)
    if torch.is_grad_enabled() and any(tensor.requires_grad for tensor in tensors):
        out: Tensor = _Differentiable.apply(settings, x, weight, threshold, bias)
        return out
    value: Tensor = dispatch.operator(f"{STEM}_forward")(x, weight, threshold, bias, *settings)
    return value


def composite(
    x: Tensor,
    weight: Tensor,
    threshold: Tensor,
    bias: Tensor | None,
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    groups: int,
) -> Tensor:
    """The convolution in composite PyTorch, with the arguments of the operator: `padding` has two numbers per axis."""
    dtype = compute_dtype(x, weight, threshold, bias)
    sides = [side for pair in zip(padding[-2::-2], padding[::-2], strict=True) for side in pair]
    padded = F.pad(x.to(dtype), sides) if any(sides) else x.to(dtype)
    tensors = (padded, weight.to(dtype), threshold.to(dtype), None if bias is None else bias.to(dtype))
    device = x.device.type
    if torch.amp.is_autocast_available(device) and torch.is_autocast_enabled(device):
        # A sum over taps would lose digits in the low precision that autocast gives each convolution.
        with torch.autocast(device, enabled=False):
            y = reference(*tensors, stride, dilation, groups)
    else:
        y = reference(*tensors, stride, dilation, groups)
    return y.to(x.dtype)


def _serves(tensors: Sequence[Tensor]) -> bool:
    x, *parameters = tensors
    double = x.dtype is torch.float64
    return (
        is_eager()
        and all(map(is_plain, tensors))
        and (double or all(parameter.dtype is not torch.float64 for parameter in parameters))
        and x.shape[1] > 0
        and all(tensor.device == x.device for tensor in parameters)
        and dispatch.serves(STEM, x)
    )


def _backward(
    grad: Tensor, tensors: Sequence[Tensor], bias: Tensor | None, settings: tuple[Any, ...]
) -> tuple[Tensor | None, ...]:
    """Gradients of input, weight, threshold and bias: by the operator or, for higher orders, by the composite."""
    if not torch.is_grad_enabled() and is_eager():
        gradients: Any = dispatch.operator(f"{STEM}_backward")(grad, *tensors, *settings)
        return (*gradients[:3], None if bias is None else gradients[3].to(bias.dtype))
    create_graph = torch.is_grad_enabled()
    with torch.enable_grad():
        views = [tensor.view_as(tensor) for tensor in (*tensors, *(() if bias is None else (bias,)))]
        inputs = [view if view.requires_grad else view.detach().requires_grad_() for view in views]
        x, weight, threshold, *rest = inputs
        out = composite(x, weight, threshold, rest[0] if rest else None, *settings)
        found = torch.autograd.grad(out, inputs, grad, create_graph=create_graph)
    return (*found, *(None,) * (4 - len(found)))


class _Differentiable(torch.autograd.Function):
    """The kernel's operators as one node of the graph; all that it saves are its arguments."""

    @staticmethod
    def forward(
        ctx: Any, settings: tuple[Any, ...], x: Tensor, weight: Tensor, threshold: Tensor, bias: Tensor | None
    ) -> Tensor:
        ctx.settings = settings
        ctx.save_for_backward(x, weight, threshold, bias)
        out: Tensor = dispatch.operator(f"{STEM}_forward")(x, weight, threshold, bias, *settings)
        return out

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        *tensors, bias = ctx.saved_tensors
        return None, *_backward(grad, tensors, bias, ctx.settings)


def define(library: torch.library.Library) -> None:
    """Declare the operators."""
    tensors = "Tensor x, Tensor weight, Tensor threshold"
    settings = "int[] stride, int[] padding, int[] dilation, int groups"
    for name in (STEM, f"{STEM}_forward"):
        library.define(f"{name}({tensors}, Tensor? bias, {settings}) -> Tensor")
    library.define(f"{STEM}_backward(Tensor grad, {tensors}, {settings}) -> (Tensor, Tensor, Tensor, Tensor)")


def register(library: torch.library.Library) -> None:
    """Tell PyTorch the shapes, derivatives and batching of the operators."""

    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        *tensors, stride, padding, dilation, groups = inputs
        ctx.settings = (stride, padding, dilation, groups)
        ctx.save_for_backward(*tensors)

    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        *tensors, bias = ctx.saved_tensors
        return *_backward(grad, tensors, bias, ctx.settings), None, None, None, None

    def vmap(info: Any, in_dims: tuple[int | None, ...], *arguments: Any) -> tuple[Tensor, int]:
        operator = dispatch.operator(STEM)
        if all(dim is None for dim in in_dims[1:4]):
            many = arguments[0].movedim(in_dims[0], 0)
            out: Tensor = operator(many.flatten(0, 1), *arguments[1:])
            return out.unflatten(0, many.shape[:2]), 0
        each = [
            argument.unbind(dim) if isinstance(dim, int) else (argument,) * info.batch_size
            for argument, dim in zip(arguments, in_dims, strict=True)
        ]
        return torch.stack([operator(*one) for one in zip(*each, strict=True)]), 0

    name = f"rectifiers::{STEM}"
    for forward in (name, f"{name}_forward"):
        torch.library.register_fake(forward, _fake, lib=library)
        torch.library.register_vmap(forward, vmap, lib=library)
    torch.library.register_fake(f"{name}_backward", _fake_backward, lib=library)
    torch.library.register_autograd(name, backward, setup_context=setup_context, lib=library)


def _fake(
    x: Tensor,
    weight: Tensor,
    threshold: Tensor,
    bias: Tensor | None,
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    groups: int,
) -> Tensor:
    axes = zip(x.shape[2:], weight.shape[2:], stride, padding[::2], padding[1::2], dilation, strict=True)
    sizes = [(size + low + high - gap * (taps - 1) - 1) // step + 1 for size, taps, step, low, high, gap in axes]
    return x.new_empty((x.shape[0], weight.shape[0], *sizes)).contiguous(memory_format=memory_format_of(x))


def _fake_backward(
    grad: Tensor, x: Tensor, weight: Tensor, threshold: Tensor, *settings: Any
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    return (
        torch.empty_like(x, memory_format=memory_format_of(x)),
        torch.empty_like(weight, memory_format=torch.contiguous_format),
        torch.empty_like(threshold, memory_format=torch.contiguous_format),
        weight.new_empty(weight.shape[0]),
    )


def memory_format_of(x: Tensor) -> torch.memory_format:
    """The order of the dimensions in memory that the operators keep."""
    if not x.is_contiguous():
        last = {4: torch.channels_last, 5: torch.channels_last_3d}.get(x.ndim)
        if last is not None and x.is_contiguous(memory_format=last):
            return last
    return torch.contiguous_format
