"""The kernels as PyTorch operators, `torch.ops.rectifiers`: schemas, shapes, derivatives, batching.

`NAME` is the operator with all of that. `NAME_forward` computes the same and has no derivative: a node of the graph
calls it, and is spared a second round through the dispatcher. Both take the input, the parameters, the stem's
settings, and the axis that the parameters belong to (−1: one value for all; −2: one per element of a sample).
"""

from __future__ import annotations

import threading
from typing import Any

import torch
from torch import Tensor

from . import conv_threshold, crelu, hinges, rational, threshold, two_slopes, wave  # noqa: F401
from .kernel import Kernel
from .layout import empty_output, empty_phases, empty_resized

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
_lock = threading.Lock()
_defined = False


def define() -> None:
    """Declare all operators, once: schemas, shapes, derivatives and batching. Each way to run them brings the rest."""
    global _defined
    with _lock:
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
        for stem, (parameters, _) in SCHEMAS.items():
            _register(stem, len(parameters))
        conv_threshold.register(_library)


def _register(stem: str, count: int) -> None:
    def split(arguments: tuple[Any, ...]) -> tuple[Kernel, Tensor, tuple[Tensor, ...], int]:
        x, parameters, (*settings, axis) = arguments[0], arguments[1 : 1 + count], arguments[1 + count :]
        return Kernel.table[(stem, *settings)], x, parameters, axis

    def fake(*arguments: Any) -> Tensor:
        _, x, _, axis = split(arguments)
        return empty_phases(x, axis) if stem == "crelu" else empty_output(x, axis)

    def fake_backward(grad: Tensor, saved: Tensor, *rest: Any) -> Any:
        axis = rest[count + SCHEMAS[stem][1].count(",")]
        if stem == "crelu":
            return empty_resized(saved, axis, saved.shape[axis] // 2)
        return empty_output(saved, axis), *(torch.empty(p.shape, dtype=p.dtype, device=p.device) for p in rest[:count])

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
