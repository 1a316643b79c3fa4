"""A formula that a user writes as text: read by Python's own grammar, and allowed to hold nothing but arithmetic."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Collection, Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from .errors import ConfigError, UnknownNameError

Evaluate = Callable[[Mapping[str, Tensor]], Any]

_OPERATORS: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
}
_COMPARISONS: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
}


def _where(x: Tensor, condition: Any, one: Any, other: Any) -> Tensor:
    if not isinstance(one, Tensor) and not isinstance(other, Tensor):
        # Of two numbers, PyTorch makes a tensor of its default dtype, in which they may have fewer digits.
        one = x.new_full((), one)
    return torch.where(condition, one, other)


# A NaN on either side passes, as in PyTorch's own; these would split the gradient of a tie.
def _maximum(one: Any, other: Any) -> Tensor:
    return torch.where((one > other) | (one != one), one, other)


def _minimum(one: Any, other: Any) -> Tensor:
    return torch.where((one < other) | (one != one), one, other)


FUNCTIONS: dict[str, tuple[Callable[..., Tensor], int]] = {
    "abs": (torch.abs, 1),
    "atan": (torch.atan, 1),
    "cos": (torch.cos, 1),
    "erf": (torch.erf, 1),
    "exp": (torch.exp, 1),
    "gelu": (F.gelu, 1),
    "log": (torch.log, 1),
    "max": (_maximum, 2),
    "min": (_minimum, 2),
    "relu": (F.relu, 1),
    "sigmoid": (torch.sigmoid, 1),
    "σ": (torch.sigmoid, 1),
    "sign": (torch.sign, 1),
    "silu": (F.silu, 1),
    "sin": (torch.sin, 1),
    "softplus": (F.softplus, 1),
    "sqrt": (torch.sqrt, 1),
    "tanh": (torch.tanh, 1),
    "where": (_where, 3),
}
"""What may be called in a formula, and with how many arguments."""


class Expression:
    """A formula of x and parameters, ready to be evaluated on tensors.

    Args:
        text: numbers, x, parameters, + - * / ** and brackets, `FUNCTIONS`, and comparisons inside of `where`.
        parameters: names that it may use besides x; it must use all.

    Raises:
        ConfigError: the text is not a formula, holds something else or lacks x or a parameter, or a parameter has no
            value.
        UnknownNameError: it calls an unknown function; with the nearest ones.

    Example:
        >>> Expression("where(x > 0, x, a*x)", ["a"])(torch.tensor([-2.0, 3.0]), torch.tensor(0.5))
        tensor([-1.,  3.])
    """

    def __init__(self, text: str, parameters: Collection[str] = ()) -> None:
        self.text, self.parameters = text, tuple(parameters)
        if not isinstance(text, str) or not text.strip():
            raise ConfigError(f"expected a formula as text, such as 'x*sigmoid(a*x)', got {text!r}")
        taken = {"x", *FUNCTIONS} & set(self.parameters)
        if taken:
            raise ConfigError(f"a parameter cannot be called {min(taken)!r}, which means something in formulas")
        try:
            tree = ast.parse(text.strip(), mode="eval")
            self._used: set[str] = set()
            self._evaluate = self._compile(tree.body)
        except SyntaxError as error:
            hint = "; write a power as x**2" if "^" in text else ""
            raise ConfigError(f"{text!r} is not a formula: {error.msg}{hint}") from None
        except (RecursionError, MemoryError):
            raise ConfigError(f"the formula {text[:40]!r}… is nested too deeply") from None
        except OverflowError:
            raise ConfigError(f"the formula {text[:40]!r}… has a number that is too large for a float") from None
        missing = [name for name in ("x", *self.parameters) if name not in self._used]
        if missing:
            advice = "it needs an x" if missing[0] == "x" else f"leave {missing[0]} out"
            raise ConfigError(f"{missing[0]} does not appear in the formula {text!r}; {advice}")

    def __call__(self, x: Tensor, *parameters: Tensor) -> Tensor:
        """Evaluate it; parameters in the order in which they were named."""
        value: Tensor = self._evaluate({"x": x, **dict(zip(self.parameters, parameters, strict=True))})
        return value

    def _compile(self, node: ast.expr) -> Evaluate:
        if isinstance(node, ast.Constant) and isinstance(node.value, int | float) and not isinstance(node.value, bool):
            number = float(node.value)
            return lambda values: number
        if isinstance(node, ast.Name):
            return self._compile_name(node.id)
        if isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
            combine, left, right = _OPERATORS[type(node.op)], self._compile(node.left), self._compile(node.right)
            return lambda values: combine(left(values), right(values))
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.UAdd):
            inner, negative = self._compile(node.operand), isinstance(node.op, ast.USub)
            return lambda values: -inner(values) if negative else inner(values)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and not node.keywords:
            return self._compile_call(node.func.id, node.args)
        raise ConfigError(self._refuse(node))

    def _compile_name(self, name: str) -> Evaluate:
        if name != "x" and name not in self.parameters:
            what = (
                "is a function; call it"
                if name in FUNCTIONS
                else f"has no starting value; give one, such as {name}=1.0"
            )
            raise ConfigError(f"{name} in the formula {self.text!r} {what}")
        self._used.add(name)
        return lambda values: values[name]

    def _compile_call(self, name: str, arguments: list[ast.expr]) -> Evaluate:
        if name not in FUNCTIONS:
            raise UnknownNameError(f"function in the formula {self.text!r}:", name, FUNCTIONS)
        function, count = FUNCTIONS[name]
        if len(arguments) != count:
            raise ConfigError(f"{name} takes {count} in the formula {self.text!r}, got {len(arguments)}")
        if name == "where":
            # It takes x as well, whose dtype its numbers get. By a function, which compilers can read.
            parts = [
                lambda values: values["x"],
                self._compile_comparison(arguments[0]),
                *map(self._compile, arguments[1:]),
            ]
        else:
            parts = [self._compile(argument) for argument in arguments]
        if not any(isinstance(part, ast.Name) for argument in arguments for part in ast.walk(argument)):
            raise ConfigError(f"{ast.unparse(arguments[0])} in the formula {self.text!r} is a number; write its value")
        return lambda values: function(*(part(values) for part in parts))

    def _compile_comparison(self, node: ast.expr) -> Evaluate:
        if not (isinstance(node, ast.Compare) and len(node.ops) == 1 and type(node.ops[0]) in _COMPARISONS):
            raise ConfigError(
                f"where in the formula {self.text!r} needs a comparison first, such as where(x > 0, x, 0*x)"
            )
        compare, left, right = (
            _COMPARISONS[type(node.ops[0])],
            self._compile(node.left),
            self._compile(node.comparators[0]),
        )
        return lambda values: compare(left(values), right(values))

    def _refuse(self, node: ast.expr) -> str:
        hint = "write a power as x**2" if isinstance(node, ast.BinOp) else f"functions: {', '.join(FUNCTIONS)}"
        return (
            f"a formula holds numbers, x, parameters, + - * / ** and functions alone, got {ast.unparse(node)!r} in "
            f"{self.text!r}; {hint}"
        )
