"""Modules that are an activation written out by hand, such as `return x * torch.sigmoid(x)` for SiLU.

A module without parts and parameters whose code is nothing but such a formula is an activation beyond doubt: its code
is traced by symbols, on a copy, and the formula is compared with the known ones on a grid.
"""

from __future__ import annotations

import copy
import operator
from collections.abc import Callable, MutableMapping
from typing import Any
from weakref import WeakKeyDictionary

import torch
import torch.nn.functional as F
from torch import Tensor, fx, nn

KNOWN: dict[str, tuple[Callable[[Tensor], Tensor], ...]] = {
    "swish": (F.silu,),
    "gelu": (F.gelu, lambda x: F.gelu(x, approximate="tanh")),
    "quick_gelu": (lambda x: x * torch.sigmoid(1.702 * x),),
    "mish": (F.mish,),
    "hardswish": (F.hardswish,),
    "softplus": (F.softplus,),
}
"""What a formula may turn out to be."""

_OPERATORS = (operator.add, operator.sub, operator.mul, operator.truediv, operator.neg, operator.pow)
_NAMES = frozenset(("add", "sub", "mul", "div", "neg", "pow", "square", "exp", "log", "log1p", "erf", "abs", "sqrt"))
_NAMES |= {"sigmoid", "tanh", "softplus", "clamp", "relu", "relu6", "hardtanh", "hardsigmoid", "multiply", "divide"}
"""Functions of single elements that such formulas are made of; those that write in place are not among them."""


def formula_kind(module: nn.Module) -> str | None:
    """Return the kind of activation that a module writes out by hand; None for all others.

    Example:
        >>> class Swish(nn.Module):
        ...     def forward(self, x):
        ...         return x * torch.sigmoid(x)
        >>> formula_kind(Swish()), formula_kind(nn.SiLU())
        ('swish', None)
    """
    cls = type(module)
    maker = _OWN.get(cls)
    if maker is None:
        maker = _OWN[cls] = not cls.__module__.startswith("torch.") and not issubclass(cls, fx.GraphModule)
    if not maker or module._modules or module._parameters or module._buffers:
        return None
    if module not in _FOUND:
        _FOUND[module] = _identify(module)
    return _FOUND[module]


_OWN: MutableMapping[type, bool] = WeakKeyDictionary()
"""Whether the modules of a class may be such formulas: not those of PyTorch."""
_FOUND: MutableMapping[nn.Module, str | None] = WeakKeyDictionary()
"""What was found."""


def _identify(module: nn.Module) -> str | None:
    if "forward" in vars(module) or "inplace" in vars(module):
        return None
    try:
        graph = fx.Tracer().trace(copy.copy(module))
    except Exception:  # whatever code that is no formula raises when it is given a symbol
        return None
    nodes = list(graph.nodes)
    if sum(node.op == "placeholder" for node in nodes) != 1:
        return None
    calls = [node for node in nodes if node.op not in ("placeholder", "output")]
    # A single call of a function is found as what it is.
    if len(calls) < 2 or not all(map(_is_elementwise, calls)):
        return None
    x = torch.linspace(-8, 8, 321, dtype=torch.float64, device="cpu")
    with torch.no_grad():
        try:
            y = fx.Interpreter(nn.Module(), graph=graph).run(x)
        except Exception:  # as above: of a formula that holds for other inputs only
            return None
        if not isinstance(y, Tensor) or y.shape != x.shape:
            return None
        for kind, forms in KNOWN.items():
            if any(float((y - form(x)).abs().max()) < _NEAR for form in forms):
                return kind
    return None


_NEAR = 1e-5
"""How near a formula has to come; constants are often written with six digits."""


def _is_elementwise(node: fx.Node) -> bool:
    if node.op == "call_method":
        return str(node.target) in _NAMES
    if node.op != "call_function":
        return False
    name = getattr(node.target, "__name__", "")
    return node.target in _OPERATORS or (name in _NAMES and _is_of_torch(node.target))


def _is_of_torch(function: Any) -> bool:
    return getattr(torch, function.__name__, None) is function or getattr(F, function.__name__, None) is function
