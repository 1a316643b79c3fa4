"""What PyTorch wants to know of an elementwise formula's operators: shapes, derivatives, batching."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from .layout import empty_output, empty_phases, empty_resized


def register(library: torch.library.Library, variants: Mapping[tuple[int, ...], Any]) -> None:
    """Register the operators that some formulas share.

    Args:
        library: where the operators are declared.
        variants: the formulas, by the values of their options.
    """
    formula = next(iter(variants.values()))
    count, options = len(formula.parameters), len(formula.options)

    def split(arguments: tuple[Any, ...]) -> tuple[Any, Tensor, tuple[Tensor, ...], int]:
        x, parameters, (*values, axis) = arguments[0], arguments[1 : 1 + count], arguments[1 + count :]
        return variants[tuple(values)], x, parameters, axis

    def fake(*arguments: Any) -> Tensor:
        _, x, _, axis = split(arguments)
        return empty_phases(x, axis) if formula.doubles else empty_output(x, axis)

    def fake_backward(grad: Tensor, saved: Tensor, *rest: Any) -> Any:
        parameters, axis = rest[:count], rest[count + options]
        if formula.doubles:
            return empty_resized(saved, axis, saved.shape[axis] // 2)
        return empty_output(saved, axis), *(torch.empty(p.shape, dtype=p.dtype, device=p.device) for p in parameters)

    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        ctx.formula, x, parameters, ctx.axis = split(inputs)
        # Values that are not there cannot be asked whether they let the input be recovered.
        ctx.inverted = ctx.formula.saves == "output" and ctx.formula.keeps_output(x, parameters)
        ctx.save_for_backward(output if ctx.inverted else x, *parameters)

    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        saved, *parameters = ctx.saved_tensors
        gradients = ctx.formula.backward(grad, saved, parameters, ctx.axis, ctx.inverted)
        return *gradients, *(None for _ in range(options)), None

    def vmap(info: Any, in_dims: tuple[int | None, ...], *arguments: Any) -> tuple[Tensor, int]:
        # Modules and functions take the reference under vmap, which batches; this serves those who call an operator.
        batches = [
            value.unbind(dim) if dim is not None else [value] * info.batch_size
            for value, dim in zip(arguments, in_dims, strict=True)
        ]
        return torch.stack([operator(*one) for one in zip(*batches, strict=True)]), 0

    name = f"rectifiers::{formula.name}"
    operator = getattr(torch.ops.rectifiers, formula.name).default
    torch.library.register_vmap(name, vmap, lib=library)
    for forward in (name, f"{name}_forward"):
        torch.library.register_fake(forward, fake, lib=library)
    torch.library.register_fake(f"{name}_backward", fake_backward, lib=library)
    torch.library.register_autograd(name, backward, setup_context=setup_context, lib=library)


def register_composite(library: torch.library.Library, variants: Mapping[tuple[int, ...], Any]) -> None:
    """Bring the reference's gradients, for nodes in C++ whose derivative is itself differentiated or transformed.

    Args:
        library: where the operators are declared.
        variants: the formulas, by the values of their options.
    """
    formula = next(iter(variants.values()))
    count = len(formula.parameters)

    def composite(grad: Tensor, saved: Tensor, *rest: Any) -> Any:
        parameters, (*values, axis, inverted) = rest[:count], rest[count:]
        gradients = variants[tuple(values)].composite_backward(grad, saved, parameters, axis, inverted)
        return gradients if parameters else gradients[0]

    library.impl(formula.composite_name, composite, "CompositeImplicitAutograd")
