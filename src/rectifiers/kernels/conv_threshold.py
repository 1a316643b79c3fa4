"""A convolution whose taps each have a floor: ConvReLU.

Shapes: N batch, C input channels, O output channels, G groups; the rest are one to three spatial axes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ..core.autocast import AUTOCAST_DEVICES
from ..core.elementwise import compute_dtype
from . import dispatch
from . import threshold as elementwise_threshold
from .eager import is_eager, is_plain, records_gradients
from .formula import Formula, gradients, relative_error, samples

NAME = "conv_threshold"

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
        seen = elementwise_threshold.reference(x[(slice(None), slice(None), *window)], floor.reshape(-1, *ones))
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
    options = (tuple(stride), tuple(padding), tuple(dilation), groups)
    if not _serves(tensors):
        return composite(x, weight, threshold, bias, *options)
    if records_gradients() and any(tensor.requires_grad for tensor in tensors):
        out: Tensor = _Differentiable.apply(options, x, weight, threshold, bias)
        return out
    value: Tensor = dispatch.operator(f"{NAME}_forward")(x, weight, threshold, bias, *options)
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
    if device in AUTOCAST_DEVICES and torch.is_autocast_enabled(device):
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
        and dispatch.serves(NAME, x)
    )


def _backward(
    grad: Tensor, tensors: Sequence[Tensor], bias: Tensor | None, options: tuple[Any, ...]
) -> tuple[Tensor | None, ...]:
    """Gradients of input, weight, threshold and bias: by the operator or, for higher orders, by the composite."""
    if not torch.is_grad_enabled() and is_eager():
        gradients: Any = dispatch.operator(f"{NAME}_backward")(grad, *tensors, *options)
        return (*gradients[:3], None if bias is None else gradients[3].to(bias.dtype))
    create_graph = torch.is_grad_enabled()
    with torch.enable_grad():
        views = [tensor.view_as(tensor) for tensor in (*tensors, *(() if bias is None else (bias,)))]
        inputs = [view if view.requires_grad else view.detach().requires_grad_() for view in views]
        x, weight, threshold, *rest = inputs
        out = composite(x, weight, threshold, rest[0] if rest else None, *options)
        found = torch.autograd.grad(out, inputs, grad, create_graph=create_graph)
    return (*found, *(None,) * (4 - len(found)))


class _Differentiable(torch.autograd.Function):
    """The kernel's operators as one node of the graph; all that it saves are its arguments."""

    @staticmethod
    def forward(
        ctx: Any, options: tuple[Any, ...], x: Tensor, weight: Tensor, threshold: Tensor, bias: Tensor | None
    ) -> Tensor:
        ctx.options = options
        ctx.save_for_backward(x, weight, threshold, bias)
        out: Tensor = dispatch.operator(f"{NAME}_forward")(x, weight, threshold, bias, *options)
        return out

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        *tensors, bias = ctx.saved_tensors
        return None, *_backward(grad, tensors, bias, ctx.options)


# Inputs and outputs that kernels are compared on. On the processor, few samples go by panels, many by samples. There,
# the weights' gradients have two ways, one of them for outputs that fill vectors.
_COMPARED = (((3, 4, 9, 19), 34), ((13, 4, 4, 5), 34), ((13, 4, 4, 5), 64))


class ConvolutionFormula(Formula):
    """The declaration of the convolution's operators."""

    name = NAME

    def schemas(self) -> Iterator[str]:
        """Declarations of its operators, in PyTorch's language."""
        tensors = "Tensor x, Tensor weight, Tensor threshold"
        options = "int[] stride, int[] padding, int[] dilation, int groups"
        for name in (NAME, f"{NAME}_forward"):
            yield f"{name}({tensors}, Tensor? bias, {options}) -> Tensor"
        yield f"{NAME}_backward(Tensor grad, {tensors}, {options}) -> (Tensor, Tensor, Tensor, Tensor)"

    def register(self, library: torch.library.Library, variants: Sequence[Any]) -> None:
        """Tell PyTorch the shapes, derivatives and batching of its operators."""
        name = f"rectifiers::{NAME}"
        for forward in (name, f"{name}_forward"):
            torch.library.register_fake(forward, _fake, lib=library)
            torch.library.register_vmap(forward, _vmap, lib=library)
        torch.library.register_fake(f"{name}_backward", _fake_backward, lib=library)
        torch.library.register_autograd(name, _backward_of_operator, setup_context=_setup_context, lib=library)

    def errors(self, device: str) -> Iterator[tuple[str, float]]:
        """How far its kernel is from its reference, on some random inputs."""
        options: tuple[Any, ...] = ((2, 1), (1, 0, 1, 2), (1, 2), 2)
        for shape, outputs in _COMPARED if device == "cpu" else _COMPARED[:1]:
            sizes = (shape, (outputs, 2, 3, 2), (4, 3, 2), (outputs,))
            x, weight, threshold, bias = (samples(size, device=device) for size in sizes)
            out = torch.ops.rectifiers.conv_threshold_forward(x, weight, threshold, bias, *options)
            grad = samples(out.shape, device=device)
            found = torch.ops.rectifiers.conv_threshold_backward(grad, x, weight, threshold, *options)
            inputs: list[Any] = [tensor.requires_grad_() for tensor in (x, weight, threshold, bias)]
            with torch.enable_grad():
                expected = composite(*(*inputs, *options))
                slopes = gradients(expected, inputs, grad)
            yield f"shape {shape}, {outputs} outputs", relative_error((out, *found), (expected, *slopes))

    def tolerance(self, device: str) -> float:
        """The largest error that rounding explains."""
        # A GPU may round what it multiplies to TF32, if PyTorch's settings let convolutions do so.
        return super().tolerance(device) * (100 if device == "cuda" else 1)


formula = ConvolutionFormula()


def _setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    *tensors, stride, padding, dilation, groups = inputs
    ctx.options = (stride, padding, dilation, groups)
    ctx.save_for_backward(*tensors)


def _backward_of_operator(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
    *tensors, bias = ctx.saved_tensors
    return *_backward(grad, tensors, bias, ctx.options), None, None, None, None


def _vmap(info: Any, in_dims: tuple[int | None, ...], *arguments: Any) -> tuple[Tensor, int]:
    operator = dispatch.operator(NAME)
    if all(dim is None for dim in in_dims[1:4]):
        many = arguments[0].movedim(in_dims[0], 0)
        out: Tensor = operator(many.flatten(0, 1), *arguments[1:])
        return out.unflatten(0, many.shape[:2]), 0
    each = [
        argument.unbind(dim) if isinstance(dim, int) else (argument,) * info.batch_size
        for argument, dim in zip(arguments, in_dims, strict=True)
    ]
    return torch.stack([operator(*one) for one in zip(*each, strict=True)]), 0


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
    grad: Tensor, x: Tensor, weight: Tensor, threshold: Tensor, *options: Any
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
