"""A formula that has a kernel: when a call can take it, and its derivatives."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor
from torch.autograd import forward_ad
from torch.nn.parameter import Parameter

from ..core.granularity import spread
from . import dispatch
from .layout import ELEMENT, LAYER

Keeps = Literal["input", "output", "invertible"]

_TYPES = (Tensor, Parameter)
_NARROW = frozenset((torch.float16, torch.bfloat16))
_DTYPES = frozenset((torch.float32, torch.float64, *_NARROW))
_MOST_COEFFICIENTS = 512


class Kernel:
    """One formula of a stem, run by a kernel.

    Args:
        stem: name of the operators in `torch.ops.rectifiers`.
        formula: the composite: takes the input and the parameters ready to broadcast.
        settings: what the operators take between the parameters and the axis.
        listed: whether the first axis of the parameters counts coefficients.
        keeps: what is saved for the derivative: the input; the output, which the next layer keeps anyway; or the
            output where the parameters let the input be computed from it.
        inverse: the input, from the output and the parameters ready to broadcast, for all that may keep the output.
        flagged: whether the backward operator takes a flag that it gets the output for the input.
    """

    table: ClassVar[dict[tuple[Any, ...], Kernel]] = {}
    """All kernels, by stem and settings."""

    def __init__(
        self,
        stem: str,
        formula: Callable[..., Tensor],
        *,
        settings: tuple[int, ...] = (),
        listed: bool = False,
        keeps: Keeps = "input",
        inverse: Callable[..., Tensor] | None = None,
        flagged: bool = False,
    ) -> None:
        self.stem, self.formula, self.settings, self.listed = stem, formula, settings, listed
        self.keeps, self.inverse, self.flagged = keeps, inverse, flagged
        self.table[(stem, *settings)] = self
        self.forward_name, self.backward_name, self.invertible_name = (
            f"{stem}_{part}" for part in ("forward", "backward", "invertible")
        )

    def __call__(self, x: Tensor, parameters: Sequence[object], channel_dim: int) -> Tensor | None:
        """The formula's value, or None where the composite has to serve.

        Args:
            x: any tensor.
            parameters: tensors of any granularity, numbers, or sequences of numbers.
            channel_dim: dimension of `x` that channel-wise parameters belong to.
        """
        if not self.serves(x):
            return None
        double = x.dtype is torch.float64
        axis, tracked, cuda = LAYER, x.requires_grad, x.is_cuda
        tensors: list[Tensor] = []
        for parameter in parameters:
            if not isinstance(parameter, Tensor):
                value = tuple(parameter) if isinstance(parameter, list) else parameter
                if not all(isinstance(item, float | int) for item in (value if isinstance(value, tuple) else (value,))):
                    return None
                tensors.append(_constant(value, torch.float64 if double else torch.float32))
                continue
            if not is_plain(parameter) or parameter.is_cuda is not cuda or (cuda and parameter.device != x.device):
                return None
            if parameter.dtype is torch.float64 and not double:
                return None
            if parameter.ndim != self.listed:
                found = self._axis(parameter, x, channel_dim)
                if found is None or axis not in (LAYER, found):
                    return None
                axis = found
            tracked = tracked or parameter.requires_grad
            tensors.append(parameter)
        if self.listed and sum(map(len, tensors)) > _MOST_COEFFICIENTS:
            return None
        return self.apply(x, tensors, axis, tracked)

    def serves(self, x: Tensor) -> bool:
        """Whether the operator can take this input, here and now."""
        return is_eager() and is_plain(x) and dispatch.serves(self.stem, x)

    def _axis(self, parameter: Tensor, x: Tensor, channel_dim: int) -> int | None:
        """The axis that a parameter of more than one unit belongs to; None if it does not fit."""
        units, rank = parameter.shape[self.listed :], x.ndim
        if len(units) == 1 and -rank <= channel_dim < rank and x.shape[channel_dim] == units[0]:
            return channel_dim % rank
        return ELEMENT if units == x.shape[1:] else None

    def apply(self, x: Tensor, parameters: Sequence[Tensor], axis: int, tracked: bool) -> Tensor:
        """Run the operator, with its derivative if it is `tracked`."""
        if tracked and torch.is_grad_enabled():
            return _differentiable(self, axis)(x, *parameters)
        return self.forward(x, parameters, axis)

    def forward(self, x: Tensor, parameters: Sequence[Tensor], axis: int) -> Tensor:
        """Run the operator that has no derivative of its own."""
        out: Tensor = dispatch.operator(self.forward_name)(x, *parameters, *self.settings, axis)
        return out

    def backward(
        self, grad: Tensor, saved: Tensor, parameters: Sequence[Tensor], axis: int, inverted: bool
    ) -> tuple[Tensor | None, ...]:
        """Gradients of the input and of all parameters: by the operator or, for higher orders, by the composite."""
        if torch.is_grad_enabled() or not is_eager():
            return self._composite_backward(grad, saved, parameters, axis, inverted)
        operator = dispatch.operator(self.backward_name)
        if self.flagged:
            gradients: Any = operator(grad, saved, *parameters, *self.settings, axis, inverted)
        else:
            gradients = operator(grad, saved, *parameters, *self.settings, axis)
        return gradients if parameters else (gradients,)

    def keeps_output(self, x: Tensor, parameters: Sequence[Tensor]) -> bool:
        """Whether the derivative is to be computed from the output."""
        # A rounded output does not tell on which side of a threshold the input was.
        if self.keeps == "input" or (parameters and x.dtype in _NARROW):
            return False
        if self.keeps == "output":
            return True
        known: bool = dispatch.operator(self.invertible_name)(*parameters, *self.settings)
        return known

    def composite(self, x: Tensor, parameters: Sequence[Tensor], axis: int) -> Tensor:
        """The formula in composite PyTorch, with the arguments of the operator."""
        wide, ready = self._ready(x, parameters, axis)
        return self.formula(wide, *ready).to(x.dtype)

    def _ready(self, x: Tensor, parameters: Sequence[Tensor], axis: int) -> tuple[Tensor, list[Tensor]]:
        dtype = torch.float32 if x.dtype in _NARROW else x.dtype
        channel_dim = 1 if axis < 0 else axis
        return x.to(dtype), [spread(self.stem, "", p, x, channel_dim, self.listed).to(dtype) for p in parameters]

    def _recover(self, y: Tensor, parameters: Sequence[Tensor], axis: int) -> Tensor:
        """The input, from the output."""
        assert self.inverse is not None
        wide, ready = self._ready(y, parameters, axis)
        return self.inverse(wide, *ready).to(y.dtype)

    def _composite_backward(
        self, grad: Tensor, saved: Tensor, parameters: Sequence[Tensor], axis: int, inverted: bool
    ) -> tuple[Tensor | None, ...]:
        create_graph = torch.is_grad_enabled()
        with torch.enable_grad():
            x = self._recover(saved, parameters, axis) if inverted else saved
            # Partial derivatives with respect to views, for a recovered input depends on the parameters itself.
            views = [tensor.view_as(tensor) for tensor in (x, *parameters)]
            inputs = [view if view.requires_grad else view.detach().requires_grad_() for view in views]
            out = self.composite(inputs[0], inputs[1:], axis)
            return torch.autograd.grad(out, inputs, grad, create_graph=create_graph)


@lru_cache(maxsize=1024)
def _differentiable(kernel: Kernel, axis: int) -> Callable[..., Tensor]:
    """A kernel's operators as one node of the graph.

    A class of its own for every kernel and axis, with all that is known beforehand: on few elements, a call is as fast
    as its Python.
    """
    operator, rest, known = dispatch.operator(kernel.forward_name), (*kernel.settings, axis), kernel.keeps == "input"

    class Node(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor, *parameters: Tensor) -> Tensor:
            out: Tensor = operator(x, *parameters, *rest)
            ctx.inverted = inverted = not known and kernel.keeps_output(x, parameters)
            ctx.save_for_backward(out if inverted else x, *parameters)
            return out

        @staticmethod
        def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
            saved, *parameters = ctx.saved_tensors
            return kernel.backward(grad, saved, parameters, axis, ctx.inverted)

    found: Callable[..., Tensor] = Node.apply
    return found


def is_eager() -> bool:
    """Whether a call simply runs, with nothing that traces, batches or transforms it.

    Whatever does so gets the composite: it can be batched, differentiated forward, exported, and fused with what
    stands around it.
    """
    return not (
        # First, so that the compiler need not understand the others.
        torch.compiler.is_compiling()
        or torch._C._are_functorch_transforms_active()
        or torch._C._len_torch_dispatch_stack()
        or torch._C._get_tracing_state()
        or forward_ad._current_level >= 0
    )


def is_plain(tensor: Tensor) -> bool:
    """Whether a tensor is just memory, the processor's or a GPU's, in a dtype that the kernels know."""
    return (
        type(tensor) in _TYPES
        and (tensor.is_cpu or tensor.is_cuda)
        and tensor.layout is torch.strided
        and tensor.dtype in _DTYPES
    )


@lru_cache(maxsize=1024)
def _constant(value: object, dtype: torch.dtype) -> Tensor:
    # A tensor made under inference_mode could never be saved for a derivative.
    with torch.inference_mode(False):
        return torch.tensor(value, dtype=dtype, device="cpu")
