"""An activation of one line: its formula as text, its parameters with the values from which they start."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.fx import wrap

from .core.checks import check_number
from .core.curve import find_kinks, is_monotone
from .core.elementwise import Elementwise, apply
from .core.errors import ConfigError
from .core.expression import Expression
from .core.granularity import Granularity
from .core.spec import ActivationSpec, ParameterSpec

_TAKEN = {
    *Granularity.__annotations__,
    *vars(nn.Module()),
    *("_ambiguous", "_coefficients", "_inits", "_lazy", "coefficients", "fitted", "relu_like", "spec", "starts"),
}
"""What modules have or take under names of their own, beside the attributes of the class."""
_EXPRESSIONS: dict[tuple[str, tuple[str, ...]], Expression] = {}


def elementwise(formula: str, *, name: str = "", register: bool = False, **starts: float) -> type[Written]:
    """A module class that computes a formula, with parameters that learn.

    It is made as the classes of this library are: its parameters have a granularity, their channels are inferred, it
    computes half precision in float32, and its spec says what can be seen of it.

    Args:
        formula: text of x and parameters, with + - * / **, brackets and the functions of `core.expression.FUNCTIONS`:
            sigmoid, tanh, exp, where(x > 0, …, …) and others. Nothing else is evaluated.
        name: what it is called in tables and files; the formula itself by default.
        register: make it known under that name, as `register_activation` does.
        **starts: starting values of the parameters.

    Raises:
        ConfigError: the text is not a formula, a parameter has no starting value or is not used, or `register` lacks a
            name.
        UnknownNameError: the formula calls an unknown function; with the nearest ones.

    Example:
        >>> Gate = elementwise("x*sigmoid(a*x)", a=1.0)
        >>> Gate(share="channel", channels=3)
        Written('x*sigmoid(a*x)', a=1, share='channel', channels=3)
        >>> Gate()(torch.tensor([0.0, 1.0]))
        tensor([0.0000, 0.7311], grad_fn=<MulBackward0>)
    """
    if register and not name:
        raise ConfigError("register=True needs a name; give name='my_act', for example")
    for key in starts:
        if key in _TAKEN or hasattr(Written, key):
            raise ConfigError(f"a parameter cannot be called {key!r}, which modules have already; choose another name")
    values = tuple((key, check_number("elementwise", key, value)) for key, value in starts.items())
    made = _make(formula, values, name or formula, sys._getframe(1).f_globals.get("__name__", __name__))
    if register:
        from .activations import register_activation

        register_activation(name)(made)
    return made


class Written(Elementwise):
    """Base of what `elementwise` makes.

    Attributes:
        formula: the text.
        starts: name and starting value of each parameter.
    """

    formula: ClassVar[str]
    starts: ClassVar[tuple[tuple[str, float], ...]]

    def __init__(self, **arguments: Any) -> None:
        given = {name: arguments.pop(name) for name, _ in self.starts if name in arguments}
        super().__init__(inits=given, **arguments)

    @classmethod
    def called(cls, name: str) -> type[Written]:
        """The same formula under another name, if it has none yet."""
        return cls if cls.spec.name != cls.formula else _make(cls.formula, cls.starts, name, cls.__module__)

    def forward(self, input: Tensor) -> Tensor:
        """Apply the formula."""
        parameters = {name: getattr(self, name) for name, _ in self.starts}
        return _evaluate(self.ready(input), self.formula, self.channel_dim, **parameters)

    def extra_repr(self) -> str:
        """Show the formula, then what all elementwise modules show."""
        return ", ".join(filter(None, (repr(self.formula), super().extra_repr())))

    def __reduce_ex__(self, protocol: Any) -> Any:
        """Pickle the formula, because the class is in no module."""
        cls = type(self)
        return _renew, (cls.formula, cls.starts, cls.spec.name, cls.__module__), self.__getstate__()


@wrap
def _evaluate(x: Tensor, formula: str, channel_dim: int = 1, **parameters: Tensor) -> Tensor:
    """Evaluate a formula; as a function of its own it is one node of a graph."""
    key = (formula, tuple(parameters))
    if key not in _EXPRESSIONS:
        _EXPRESSIONS[key] = Expression(*key)
    expression = _EXPRESSIONS[key]
    return apply(expression.text, expression, x, channel_dim=channel_dim, **parameters)  # type: ignore[arg-type]


_MADE: dict[tuple[Any, ...], type[Written]] = {}


def _make(formula: str, starts: tuple[tuple[str, float], ...], name: str, module: str) -> type[Written]:
    key = (formula, starts, name, module)
    if key not in _MADE:
        names = tuple(one for one, _ in starts)
        _EXPRESSIONS[formula, names] = Expression(formula, names)
        spec = ActivationSpec(
            name=name,
            title=name,
            equation=formula,
            paper="a formula of your own",
            parameters=tuple(ParameterSpec(one, init=value) for one, value in starts),
        )
        members = {"formula": formula, "starts": starts, "spec": spec, "__module__": module, "__doc__": f"{formula}."}
        made: type[Written] = type("Written", (Written,), members)
        curve = _try(made, formula)
        made.spec = replace(spec, monotone=is_monotone(curve), kinks=find_kinks(curve))
        _MADE[key] = made
    return _MADE[key]


def _try(made: type[Written], formula: str) -> Written:
    """One of a class, once it is clear that it keeps shapes and makes numbers."""
    module = made(dtype=torch.float64).eval()
    try:
        y = module(torch.linspace(-2, 2, 8, dtype=torch.float64).reshape(2, 4))
    except (RuntimeError, TypeError, ArithmeticError) as error:
        raise ConfigError(f"the formula {formula!r} cannot be evaluated: {' '.join(str(error).split())}") from None
    if not bool(y.isfinite().any()):
        raise ConfigError(f"the formula {formula!r} gives no finite number between -2 and 2")
    return module


def _renew(formula: str, starts: tuple[tuple[str, float], ...], name: str, module: str) -> Written:
    made = _make(formula, starts, name, module)
    return made.__new__(made)
