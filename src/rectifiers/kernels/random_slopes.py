"""A slope drawn at random for every element below zero: RReLU in training.

The kernel computes its noise from a seed and an element's place in memory (Philox; Salmon et al., 2011: "Parallel
random numbers: as easy as 1, 2, 3"). So the noise is the same for any number of threads, and is computed again for the
derivative instead of being kept. The seed comes from PyTorch's generator; the reference draws its slopes one by
one from it, so its noise is different.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from . import dispatch, two_slopes
from .eager import is_eager, is_plain, records_gradients
from .formula import Formula, gradients, relative_error, samples
from .layout import laid_out

NAME = "random_slopes"

_LEAST = 1 / 1024
"""A slope from here on leaves an output the sign of its input."""


# Compared by identity: PyTorch 2.10 hashes it while it compiles, before it has its fields.
@dataclass(frozen=True, eq=False)
class RandomSlopes:
    """slope·x for x < 0, x otherwise; the slopes uniform on [lower, upper], one per element."""

    lower: float
    upper: float

    def __call__(self, x: Tensor) -> Tensor:
        """Draw by PyTorch's generator."""
        return two_slopes.reference(x, torch.empty_like(x).uniform_(self.lower, self.upper), 1.0)

    def run(self, x: Tensor, parameters: Sequence[object], channel_dim: int) -> Tensor | None:
        """Draw by the kernel, or return None where there is none for this call."""
        if not (is_eager() and is_plain(x) and dispatch.serves(NAME, x)):
            return None
        seed = int(torch.empty((), dtype=torch.int64, device="cpu").random_())
        if x.requires_grad and records_gradients():
            out: Tensor = _Differentiable.apply(x, self.lower, self.upper, seed)
            return out
        return _forward(x, self.lower, self.upper, seed)


def _forward(x: Tensor, lower: float, upper: float, seed: int) -> Tensor:
    found: Tensor = dispatch.operator(f"{NAME}_forward")(x, lower, upper, seed)
    return found


def _composite(x: Tensor, model: Tensor, lower: float, upper: float, seed: int) -> Tensor:
    """The function with the noise that the kernel draws for `model`, in composite PyTorch."""
    with torch.no_grad():
        slopes = -_forward(torch.full_like(model, -1), lower, upper, seed)
    return two_slopes.reference(x, slopes, 1.0)


def _backward(grad: Tensor, saved: Tensor, lower: float, upper: float, seed: int, strides: Sequence[int]) -> Tensor:
    """The gradient of the input, of the input or the output."""
    # Hooks on saved tensors may have laid it out anew, and the noise follows from places in memory.
    saved = laid_out(saved, strides)
    if not torch.is_grad_enabled() and is_eager():
        found: Tensor = dispatch.operator(f"{NAME}_backward")(grad, saved, lower, upper, seed)
        return found
    # The derivative is constant but for the signs, so that of higher orders is linear in the gradient alone.
    with torch.no_grad():
        slopes = -_forward(torch.full_like(saved, -1), lower, upper, seed)
    return grad * torch.where(saved < 0, slopes, 1.0)


def _save(ctx: Any, x: Tensor, out: Tensor, lower: float, upper: float, seed: int) -> None:
    ctx.settings = (lower, upper, seed, out.stride())
    ctx.save_for_backward(out if lower >= _LEAST and x.dtype in (torch.float32, torch.float64) else x)


class _Differentiable(torch.autograd.Function):
    """The kernel's operators as one node of the graph."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, lower: float, upper: float, seed: int) -> Tensor:
        out = _forward(x, lower, upper, seed)
        _save(ctx, x, out, lower, upper, seed)
        return out

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        (saved,) = ctx.saved_tensors
        return _backward(grad, saved, *ctx.settings), None, None, None


class RandomSlopesFormula(Formula):
    """The declaration of the operators of random slopes."""

    name = NAME

    def schemas(self) -> Iterator[str]:
        """Declarations of its operators, in PyTorch's language."""
        rest = "float lower, float upper, int seed"
        for name in (NAME, f"{NAME}_forward"):
            yield f"{name}(Tensor x, {rest}) -> Tensor"
        yield f"{NAME}_backward(Tensor grad, Tensor saved, {rest}) -> Tensor"

    def register(self, library: torch.library.Library, variants: Sequence[Any]) -> None:
        """Tell PyTorch the shapes and derivatives of its operators."""
        name = f"rectifiers::{NAME}"
        for forward in (name, f"{name}_forward"):
            torch.library.register_fake(forward, lambda x, *rest: torch.empty_like(x), lib=library)
        torch.library.register_fake(f"{name}_backward", lambda grad, saved, *rest: torch.empty_like(saved), lib=library)
        torch.library.register_autograd(name, _backward_of_operator, setup_context=_setup_context, lib=library)

    def errors(self, device: str) -> Iterator[tuple[str, float]]:
        """How far its kernel is from the reference with the kernel's own noise, on some random inputs."""
        for shape in ((3, 5, 70), (4099,)):
            x, grad = (samples(shape, device=device) for _ in range(2))
            out = _forward(x, 0.1, 0.4, 7)
            found = dispatch.operator(f"{NAME}_backward")(grad, out, 0.1, 0.4, 7)
            leaf = x.requires_grad_()
            with torch.enable_grad():
                expected = _composite(leaf, x, 0.1, 0.4, 7)
                (slopes,) = gradients(expected, [leaf], grad)
            yield f"shape {shape}", relative_error((out, found), (expected, slopes))


formula = RandomSlopesFormula()


def _setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    x, *settings = inputs
    _save(ctx, x, output, *settings)


def _backward_of_operator(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
    (saved,) = ctx.saved_tensors
    return _backward(grad, saved, *ctx.settings), None, None, None
