"""The input times a gate that opens with it, SiLU and GELU, with the derivative told from the output.

Both functions fall to one minimum and rise from there, so the output tells the derivative once it is known on which
side the input was. The kernel keeps a byte per element that says so, and the output, which the next layer keeps anyway,
where PyTorch's own functions keep the input.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from . import dispatch
from .eager import is_eager, is_plain, records_gradients
from .formula import Formula, gradients, relative_error, samples
from .layout import laid_out

NAME = "gate"

_LEAST = 1 << 14
"""Elements from which on memory is worth more than the fixed cost of a node in Python."""


# Compared by identity: PyTorch 2.10 hashes it while it compiles, before it has its fields.
@dataclass(frozen=True, eq=False)
class Gate:
    """One of the functions: its number in the kernel, PyTorch's own, and where its minimum is."""

    number: int
    function: Callable[[Tensor], Tensor]
    minimum: float

    def __call__(self, x: Tensor) -> Tensor:
        """PyTorch's function."""
        return self.function(x)

    def run(self, x: Tensor, parameters: Sequence[object], channel_dim: int) -> Tensor | None:
        """The function by the kernel where that saves memory, or None."""
        if not (is_eager() and is_plain(x) and dispatch.serves(NAME, x)):
            return None
        if not (x.requires_grad and records_gradients()) or x.dtype is not torch.float32 or x.numel() < _LEAST:
            return None
        out: Tensor = _Differentiable.apply(x, self)
        return out

    def recover(self, y: Tensor, side: Tensor) -> Tensor:
        """The input, from the output and the sides, by bisection in float64; constant for what is derived."""
        with torch.no_grad():
            value, place = y.double(), _laid_out(side, y)
            left = place < 128
            low = torch.where(left, -100.0, self.minimum).to(value)
            high = torch.where(left, self.minimum, value.clamp(min=0) + 2)
            for _ in range(60):
                middle = (low + high) / 2
                # Left of the minimum the function falls.
                above = (self.function(middle) > value) != left
                low, high = torch.where(above, low, middle), torch.where(above, middle, high)
            near = (place > 0) & (place < 255)
            return torch.where(near, self.minimum + (place.double() - 127.5) * (0.006 / 127), (low + high) / 2).to(y)


silu = Gate(0, F.silu, -1.278464542761074)
gelu = Gate(1, F.gelu, -0.7517915246935645)
GATES = (silu, gelu)


def _laid_out(side: Tensor, y: Tensor) -> Tensor:
    """The sides in the places of the elements, which are counted in the order of memory."""
    dense = y if y.is_contiguous() else torch.empty_like(y)
    return side.as_strided(dense.shape, dense.stride())


def _backward(grad: Tensor, y: Tensor, side: Tensor, gate: Gate, strides: Sequence[int]) -> Tensor:
    # Hooks on saved tensors may have laid it out anew, and the sides are counted in the order of its memory.
    y = laid_out(y, strides)
    if not torch.is_grad_enabled() and is_eager():
        found: Tensor = dispatch.operator(f"{NAME}_backward")(grad, y, side, gate.number)
        return found
    # Of higher orders, or listened to: the input is recovered, and follows the output by the inverse of the slope.
    with torch.no_grad():
        slope: Tensor = dispatch.operator(f"{NAME}_backward")(torch.ones_like(y), y.detach(), side, gate.number)
        inverse = torch.where(slope == 0, 1.0, slope).reciprocal()
    x = gate.recover(y.detach(), side) + (y - y.detach()) * inverse
    create_graph = torch.is_grad_enabled()
    with torch.enable_grad():
        leaf = x if create_graph else x.requires_grad_()
        (derived,) = torch.autograd.grad(gate.function(leaf).sum(), leaf, create_graph=create_graph)
    return grad * derived


class _Differentiable(torch.autograd.Function):
    """The kernel's operators as one node of the graph."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, gate: Gate) -> Tensor:
        out, side = dispatch.operator(f"{NAME}_forward")(x, gate.number)
        ctx.gate, ctx.strides = gate, out.stride()
        ctx.save_for_backward(out, side)
        found: Tensor = out
        return found

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        y, side = ctx.saved_tensors
        return _backward(grad, y, side, ctx.gate, ctx.strides), None


class GateFormula(Formula):
    """The declaration of the gates' operators."""

    name = NAME

    def schemas(self) -> Iterator[str]:
        """Declarations of its operators, in PyTorch's language."""
        for name in (NAME, f"{NAME}_forward"):
            yield f"{name}(Tensor x, int which) -> (Tensor, Tensor)"
        yield f"{NAME}_backward(Tensor grad, Tensor y, Tensor side, int which) -> Tensor"

    def register(self, library: torch.library.Library, variants: Sequence[Any]) -> None:
        """Tell PyTorch the shapes and derivatives of its operators."""
        name = f"rectifiers::{NAME}"
        for forward in (name, f"{name}_forward"):
            torch.library.register_fake(forward, _fake, lib=library)
        torch.library.register_fake(f"{name}_backward", lambda grad, y, *rest: torch.empty_like(y), lib=library)
        torch.library.register_autograd(name, _backward_of_operator, setup_context=_setup_context, lib=library)

    def errors(self, device: str) -> Iterator[tuple[str, float]]:
        """How far its kernel is from PyTorch's functions, on some random inputs."""
        for gate in GATES:
            for shape in ((3, 5, 70), (4099,)):
                x, grad = (2 * samples(shape, device=device) for _ in range(2))
                out, side = dispatch.operator(f"{NAME}_forward")(x, gate.number)
                found = dispatch.operator(f"{NAME}_backward")(grad, out, side, gate.number)
                leaf = x.requires_grad_()
                with torch.enable_grad():
                    expected = gate(leaf)
                    (slopes,) = gradients(expected, [leaf], grad)
                yield f"shape {shape}", relative_error((out, found), (expected, slopes))


formula = GateFormula()


def _fake(x: Tensor, which: int) -> tuple[Tensor, Tensor]:
    return torch.empty_like(x), x.new_empty(x.numel(), dtype=torch.uint8)


def _setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
    ctx.gate, ctx.strides = GATES[inputs[1]], output[0].stride()
    ctx.mark_non_differentiable(output[1])
    ctx.save_for_backward(*output)


def _backward_of_operator(ctx: Any, grad: Tensor, of_side: Any) -> tuple[Tensor | None, ...]:
    y, side = ctx.saved_tensors
    return _backward(grad, y, side, ctx.gate, ctx.strides), None
