"""The kernels as PyTorch operators, `torch.ops.rectifiers`: schemas, shapes, derivatives, batching.

`NAME` is the operator with all of that. `NAME_forward` computes the same and has no derivative: a node of the graph
calls it, and is spared a second round through the dispatcher. Both take the input, the parameters, the stem's
settings, and the axis that the parameters belong to (−1: one value for all; −2: one per element of a sample).
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from . import conv_threshold, crelu, hinges, rational, threshold, two_slopes, wave  # noqa: F401
from .kernel import ELEMENT, Kernel

# Per stem: its parameters, and what stands behind them.
SCHEMAS: dict[str, tuple[tuple[str, ...], str]] = {
    "crelu": ((), "int dim"),
    "hinges": (("a", "b"), "int axis"),
    "rational": (("numerator", "denominator"), "bool absolute, int axis"),
    "threshold": (("theta",), "int axis"),
    "two_slopes": (("negative", "positive"), "int slopes, int axis"),
    "wave": (("alpha", "beta"), "int axis"),
    "wave_below": (("epsilon",), "int axis"),
}

_library = torch.library.Library("rectifiers", "DEF")
_defined = False


def define() -> None:
    """Declare all operators; the compiled library brings their implementations."""
    global _defined
    if _defined:
        return
    _defined = True
    for stem, (parameters, rest) in SCHEMAS.items():
        tensors = "".join(f"Tensor {name}, " for name in parameters)
        flag = ", bool inverted" if stem == "two_slopes" else ""
        gradients = "Tensor" if not parameters else f"({', '.join(['Tensor'] * (1 + len(parameters)))})"
        for name in (stem, f"{stem}_forward"):
            _library.define(f"{name}(Tensor x, {tensors}{rest}) -> Tensor")
        _library.define(f"{stem}_backward(Tensor grad, Tensor saved, {tensors}{rest}{flag}) -> {gradients}")
    _library.define("two_slopes_invertible(Tensor negative, Tensor positive, int slopes) -> bool")
    conv_threshold.define(_library)


def register() -> None:
    """Tell PyTorch the shapes, derivatives and batching of the operators."""
    for stem, (parameters, _) in SCHEMAS.items():
        _register(stem, len(parameters))
    conv_threshold.register(_library)


def _register(stem: str, count: int) -> None:
    def split(arguments: tuple[Any, ...]) -> tuple[Kernel, Tensor, tuple[Tensor, ...], int]:
        x, parameters, (*settings, axis) = arguments[0], arguments[1 : 1 + count], arguments[1 + count :]
        return Kernel.table[(stem, *settings)], x, parameters, axis

    def fake(*arguments: Any) -> Tensor:
        _, x, _, axis = split(arguments)
        return _like_phases(x, axis) if stem == "crelu" else _like(x, axis)

    def fake_backward(grad: Tensor, saved: Tensor, *rest: Any) -> Any:
        axis = rest[count + SCHEMAS[stem][1].count(",")]
        if stem == "crelu":
            return _resized(saved, axis, saved.shape[axis] // 2)
        return _like(saved, axis), *(torch.empty(p.shape, dtype=p.dtype) for p in rest[:count])

    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        ctx.kernel, x, parameters, ctx.axis = split(inputs)
        # Values that are not there cannot be asked whether they let the input be recovered.
        ctx.inverted = ctx.kernel.keeps == "output" and ctx.kernel.keeps_output(x, parameters)
        ctx.save_for_backward(output if ctx.inverted else x, *parameters)

    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        saved, *parameters = ctx.saved_tensors
        gradients = ctx.kernel.backward(grad, saved, parameters, ctx.axis, ctx.inverted)
        return *gradients, *(None for _ in ctx.kernel.settings), None

    def vmap(info: Any, in_dims: tuple[int | None, ...], *arguments: Any) -> tuple[Tensor, int]:
        # Modules and functions take the composite under vmap, which batches; this serves those who call an operator.
        batches = [
            value.unbind(dim) if dim is not None else [value] * info.batch_size
            for value, dim in zip(arguments, in_dims, strict=True)
        ]
        return torch.stack([operator(*one) for one in zip(*batches, strict=True)]), 0

    name = f"rectifiers::{stem}"
    operator = getattr(torch.ops.rectifiers, stem).default
    torch.library.register_vmap(name, vmap, lib=_library)
    for forward in (name, f"{name}_forward"):
        torch.library.register_fake(forward, fake, lib=_library)
    torch.library.register_fake(f"{name}_backward", fake_backward, lib=_library)
    torch.library.register_autograd(name, backward, setup_context=setup_context, lib=_library)


def _memory_order(x: Tensor) -> list[int]:
    return sorted((dim for dim in range(x.ndim) if x.shape[dim] != 1), key=x.stride, reverse=True)


def _is_dense(x: Tensor) -> bool:
    expected = 1
    for dim in reversed(_memory_order(x)):
        if x.stride(dim) != expected:
            return False
        expected *= x.shape[dim]
    return True


def _like(x: Tensor, axis: int) -> Tensor:
    """The output of an elementwise stem: in the memory order of the input, unless samples are not in one piece."""
    if axis == ELEMENT and x.ndim and x.shape[0] != 1 and (not _is_dense(x) or _memory_order(x)[0] != 0):
        return torch.empty(x.shape, dtype=x.dtype)
    return torch.empty_like(x)


def _like_phases(x: Tensor, dim: int) -> Tensor:
    ready = x if _is_dense(x) and x.shape[dim] != 1 else x.contiguous()
    return _resized(ready, dim, 2 * x.shape[dim])


def _resized(x: Tensor, dim: int, size: int) -> Tensor:
    order = list(range(x.ndim)) if x.is_contiguous() else sorted(range(x.ndim), key=x.stride, reverse=True)
    sizes = [size if other == dim else x.shape[other] for other in range(x.ndim)]
    strides, step = [0] * x.ndim, 1
    for other in reversed(order):
        strides[other] = step
        step *= max(sizes[other], 1)
    return torch.empty_strided(sizes, strides, dtype=x.dtype)
