"""Formulas of single elements: how they are declared, and how a call runs one by its kernel."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import compress
from typing import Any, Literal

import torch
from torch import Tensor

from ..core.granularity import spread
from . import dispatch, nodes, registration
from .eager import NARROW, TYPES, is_compiling, is_eager, is_plain, records_gradients
from .formula import Formula, gradients, relative_error, samples
from .layout import ELEMENT, LAYER

Saved = Literal["input", "output", "invertible"]
Output = Literal["same", "doubled"]

_MOST_COEFFICIENTS = 512


@dataclass(frozen=True)
class Parameter:
    """A parameter of a formula.

    Args:
        name: what the operators call it.
        map: makes the coefficient that the formula takes of a value; None takes the value itself.
        listed: whether its first axis counts coefficients.
        count: how many of these the kernels take; None takes any number.
    """

    name: str
    map: Callable[[Tensor], Tensor] | None = None
    listed: bool = False
    count: int | None = None


class ElementwiseFormula(Formula):
    """A formula of an element and the coefficients of its unit.

    Calling it evaluates the reference, with parameters that broadcast over the input.

    Args:
        name: name of the operators.
        reference: the formula in composite PyTorch: takes the input and the coefficients ready to broadcast; or the
            input and an axis, where the output is doubled; or all three, where it depends on all elements along an
            axis.
        parameters: one or two; none where the output is doubled; a layer's where it depends on an axis.
        options: what the operators take between the parameters and the axis, and the values that mean this formula.
        saves: what is saved for the derivative: the input; the output, which the next layer keeps anyway; or the
            output where the coefficients let the input be computed from it.
        inverse: the input, from the output and what else the reference takes, for all that may save the output.
        flagged: whether the backward operator is told whether it gets the output for the input.
        output: the shape of the output: that of the input, or with its axis doubled.
        along: whether an element of the output depends on all elements along the axis.
    """

    def __init__(
        self,
        name: str,
        reference: Callable[..., Tensor],
        parameters: tuple[Parameter, ...] = (),
        *,
        options: Mapping[str, int] | None = None,
        saves: Saved = "input",
        inverse: Callable[..., Tensor] | None = None,
        flagged: bool = False,
        output: Output = "same",
        along: bool = False,
    ) -> None:
        self.name, self.reference, self.parameters = name, reference, parameters
        self.options = dict(options or {})
        self.saves, self.inverse, self.flagged, self.doubles = saves, inverse, flagged, output == "doubled"
        # Whether its axis is always a dimension, and the parameters are the layer's.
        self.along = along or self.doubles
        self.forward_name, self.backward_name, self.invertible_name, self.node_name, self.composite_name = (
            f"{name}_{part}" for part in ("forward", "backward", "invertible", "node", "composite")
        )
        # What every call looks at.
        self.values = tuple(self.options.values())
        self._listed = tuple(parameter.listed for parameter in parameters)
        self._kept = ("input", "output", "invertible").index(saves)
        self._most = _MOST_COEFFICIENTS - self._listed.count(False) if any(self._listed) else 0
        self._function: Callable[..., Any] | None = None

    @cached_property
    def forward_operator(self) -> Callable[..., Tensor]:
        """The operator without a derivative, once a provider has loaded it."""
        return dispatch.operator(self.forward_name)

    @cached_property
    def _node_operator(self) -> Callable[..., Tensor]:
        return dispatch.operator(self.node_name)

    @cached_property
    def _backward_operator(self) -> Callable[..., Any]:
        return dispatch.operator(self.backward_name)

    def __call__(self, x: Tensor, *parameters: Tensor) -> Tensor:
        """The reference, of an input and parameters of the dtype to compute in, ready to broadcast."""
        return self.reference(x, *self.coefficients(parameters))

    def coefficients(self, parameters: Sequence[Tensor]) -> Iterator[Tensor]:
        """What the reference takes, made of the parameters."""
        for declared, value in zip(self.parameters, parameters, strict=True):
            yield value if declared.map is None else declared.map(value)

    def run(self, x: Tensor, parameters: Sequence[object], channel_dim: int) -> Tensor | None:
        """The formula's value by a kernel, or None where the reference has to serve.

        Args:
            x: any tensor.
            parameters: tensors of any granularity, numbers, or sequences of numbers.
            channel_dim: dimension of `x` that channel-wise parameters belong to, or that is doubled.
        """
        if self._function is not None and not is_compiling() and type(x) in TYPES and dispatch.serves(self.name, x):
            # It asks in C++ what is asked below, which serves what it leaves, and all where it is not there.
            out: Tensor = self._function(x, *parameters, channel_dim)
            if out is not NotImplemented:
                return out
        if not (is_eager() and is_plain(x) and dispatch.serves(self.name, x)):
            return None
        double = x.dtype is torch.float64
        tracked, cuda = x.requires_grad, x.is_cuda
        axis = channel_dim % x.ndim if self.along else LAYER
        tensors: list[Tensor] = []
        for place, parameter in enumerate(parameters):
            if not isinstance(parameter, Tensor):
                value = tuple(parameter) if isinstance(parameter, list) else parameter
                # Numbers that are not coefficients are the channels'; whether they fit, the reference says.
                if isinstance(value, tuple) and not self._listed[place]:
                    return None
                if not all(isinstance(item, float | int) for item in (value if isinstance(value, tuple) else (value,))):
                    return None
                tensors.append(_constant(value, torch.float64 if double else torch.float32))
                continue
            if not is_plain(parameter) or parameter.is_cuda is not cuda or (cuda and parameter.device != x.device):
                return None
            if not double and parameter.dtype is torch.float64:
                return None
            rank = parameter.ndim
            if rank != self._listed[place] and (rank > 1 or parameter.numel() != 1):
                found = _axis_of(parameter, x, channel_dim, self._listed[place])
                if found is None or self.along or axis not in (LAYER, found):
                    return None
                axis = found
            tracked = tracked or parameter.requires_grad
            tensors.append(parameter)
        if self._most and not self._takes(tensors):
            return None
        return self.apply(x, tensors, axis, tracked)

    def prepare(self) -> None:
        """Let calls run without Python as far as they can, now that kernels and nodes are loaded."""
        counts = tuple(parameter.count or 0 for parameter in self.parameters)
        facts = (self.values, self._kept, self.along, self._most, self._listed, counts)
        self._function = nodes.function(self.name, *facts)

    def _takes(self, parameters: Sequence[Tensor]) -> bool:
        """Whether the kernels take that many coefficients."""
        if sum(map(len, compress(parameters, self._listed))) > self._most:
            return False
        pairs = zip(self.parameters, parameters, strict=True)
        return all(declared.count in (None, len(tensor)) for declared, tensor in pairs)

    def apply(self, x: Tensor, parameters: Sequence[Tensor], axis: int, tracked: bool) -> Tensor:
        """Run the operator, with its derivative if it is `tracked`."""
        if not (tracked and records_gradients()):
            return self.forward(x, parameters, axis)
        if nodes.are_loaded() and x.is_cpu:
            return self._node_operator(x, *parameters, *self.values, axis, self._kept)
        return _differentiable(self, axis)(x, *parameters)

    def forward(self, x: Tensor, parameters: Sequence[Tensor], axis: int) -> Tensor:
        """Run the operator that has no derivative of its own."""
        return self.forward_operator(x, *parameters, *self.values, axis)

    def backward(
        self, grad: Tensor, saved: Tensor, parameters: Sequence[Tensor], axis: int, inverted: bool
    ) -> tuple[Tensor | None, ...]:
        """Gradients of the input and of all parameters: by the operator or, for higher orders, by the reference.

        Args:
            grad: gradient of the output.
            saved: what was saved.
            parameters: those of the forward pass.
            axis: that of the forward pass.
            inverted: whether the output was saved for the input.
        """
        if torch.is_grad_enabled() or not is_eager():
            return self.composite_backward(grad, saved, parameters, axis, inverted)
        if self.flagged:
            gradients = self._backward_operator(grad, saved, *parameters, *self.values, axis, inverted)
        else:
            gradients = self._backward_operator(grad, saved, *parameters, *self.values, axis)
        return gradients if parameters else (gradients,)

    def keeps_output(self, x: Tensor, parameters: Sequence[Tensor]) -> bool:
        """Whether the derivative is to be computed from the output."""
        # A rounded output does not tell on which side of a threshold the input was.
        if self.saves == "input" or (parameters and x.dtype in NARROW):
            return False
        if self.saves == "output":
            return True
        known: bool = dispatch.operator(self.invertible_name)(*parameters, *self.values)
        return known

    def composite(self, x: Tensor, parameters: Sequence[Tensor], axis: int) -> Tensor:
        """The reference with the arguments of the operator."""
        if self.doubles:
            return self.reference(x, axis)
        wide, ready = self._ready(x, parameters, axis)
        return self.reference(wide, *self.coefficients(ready), *((axis,) if self.along else ())).to(x.dtype)

    def _ready(self, x: Tensor, parameters: Sequence[Tensor], axis: int) -> tuple[Tensor, list[Tensor]]:
        dtype = torch.float32 if x.dtype in NARROW else x.dtype
        channel_dim = 1 if axis < 0 else axis
        pairs = zip(parameters, self._listed, strict=True)
        return x.to(dtype), [spread(self.name, "", one, x, channel_dim, listed).to(dtype) for one, listed in pairs]

    def _recover(self, y: Tensor, parameters: Sequence[Tensor], axis: int) -> Tensor:
        """The input, from the output."""
        assert self.inverse is not None
        if self.doubles:
            return self.inverse(y, axis)
        wide, ready = self._ready(y, parameters, axis)
        return self.inverse(wide, *self.coefficients(ready)).to(y.dtype)

    def composite_backward(
        self, grad: Tensor, saved: Tensor, parameters: Sequence[Tensor], axis: int, inverted: bool
    ) -> tuple[Tensor, ...]:
        """Gradients of the input and of all parameters by the reference, with the arguments of `backward`."""
        create_graph = torch.is_grad_enabled()
        with torch.enable_grad():
            x = self._recover(saved, parameters, axis) if inverted else saved
            # Partial derivatives with respect to views, for a recovered input depends on the parameters itself.
            views = [tensor.view_as(tensor) for tensor in (x, *parameters)]
            inputs = [view if view.requires_grad else view.detach().requires_grad_() for view in views]
            out = self.composite(inputs[0], inputs[1:], axis)
            return torch.autograd.grad(out, inputs, grad, create_graph=create_graph)

    def schemas(self) -> Iterator[str]:
        """Declarations of its operators, in PyTorch's language."""
        tensors, options, rest, gradients = self._arguments()
        for name in (self.name, self.forward_name):
            yield f"{name}(Tensor x, {rest}) -> Tensor"
        flag = ", bool inverted" if self.flagged else ""
        yield f"{self.backward_name}(Tensor grad, Tensor saved, {rest}{flag}) -> {gradients}"
        if self.flagged:
            yield f"{self.invertible_name}({', '.join((*tensors, *options))}) -> bool"

    def node_schemas(self) -> Iterator[str]:
        """Declarations of the operator that makes a node in C++, and of the one that it calls for higher orders."""
        _, _, rest, gradients = self._arguments()
        yield f"{self.node_name}(Tensor x, {rest}, int kept) -> Tensor"
        yield f"{self.composite_name}(Tensor grad, Tensor saved, {rest}, bool inverted) -> {gradients}"

    def _arguments(self) -> tuple[list[str], list[str], str, str]:
        tensors = [f"Tensor {parameter.name}" for parameter in self.parameters]
        options = [f"{type(value).__name__} {name}" for name, value in self.options.items()]
        gradients = f"({', '.join(['Tensor'] * (1 + len(tensors)))})" if tensors else "Tensor"
        return tensors, options, ", ".join((*tensors, *options, "int axis")), gradients

    def register(self, library: torch.library.Library, variants: Sequence[Any]) -> None:
        """Tell PyTorch the shapes, derivatives and batching of its operators."""
        registration.register(library, {variant.values: variant for variant in variants})

    def register_composite(self, library: torch.library.Library, variants: Sequence[Any]) -> None:
        """Bring the code of the operator that nodes in C++ call for higher orders."""
        registration.register_composite(library, {variant.values: variant for variant in variants})

    def errors(self, device: str) -> Iterator[tuple[str, float]]:
        """How far its kernel is from its reference, on some random inputs."""
        for shape, axis in (((3, 5, 70), 1), ((301, 5), 1), ((4099,), 0 if self.along else LAYER)):
            yield f"shape {shape}", self._error(shape, axis, device)

    def _error(self, shape: tuple[int, ...], axis: int, device: str) -> float:
        x = 2 * samples(shape, device=device)
        units = () if axis == LAYER or self.along else (shape[axis],)
        sizes = [(*((one.count or 3,) if one.listed else ()), *units) for one in self.parameters]
        parameters = [0.2 + samples(size, device=device, uniform=True) for size in sizes]
        out = self.forward(x, parameters, axis)
        grad = samples(out.shape, device=device)
        inverted = self.keeps_output(x, parameters)
        found = self.backward(grad, out if inverted else x, parameters, axis, inverted)
        inputs = [tensor.requires_grad_() for tensor in (x, *parameters)]
        with torch.enable_grad():
            expected = self.composite(inputs[0], inputs[1:], axis)
            slopes = gradients(expected, inputs, grad)
        return relative_error((out, *found), (expected, *slopes))


def _axis_of(parameter: Tensor, x: Tensor, channel_dim: int, listed: bool) -> int | None:
    """The axis that a parameter of more than one unit belongs to; None if it does not fit."""
    units, rank = parameter.shape[listed:], x.ndim
    if len(units) == 1 and -rank <= channel_dim < rank and x.shape[channel_dim] == units[0]:
        return channel_dim % rank
    return ELEMENT if units == x.shape[1:] else None


@lru_cache(maxsize=1024)
def _differentiable(formula: ElementwiseFormula, axis: int) -> Callable[..., Tensor]:
    """A formula's operators as one node of the graph.

    A class of its own for every formula and axis, with all that is known beforehand: on few elements, a call is as fast
    as its Python.
    """
    operator, rest, known = formula.forward_operator, (*formula.values, axis), formula.saves == "input"

    class Node(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor, *parameters: Tensor) -> Tensor:
            out: Tensor = operator(x, *parameters, *rest)
            ctx.inverted = inverted = not known and formula.keeps_output(x, parameters)
            ctx.save_for_backward(out if inverted else x, *parameters)
            return out

        @staticmethod
        def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
            saved, *parameters = ctx.saved_tensors
            return formula.backward(grad, saved, parameters, axis, ctx.inverted)

    found: Callable[..., Tensor] = Node.apply
    return found


@lru_cache(maxsize=1024)
def _constant(value: object, dtype: torch.dtype) -> Tensor:
    # A tensor made under inference_mode could never be saved for a derivative.
    with torch.inference_mode(False):
        return torch.tensor(value, dtype=dtype, device="cpu")
