"""Which functions and modules are activations, and of which kind."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..activations import registry
from ..core.elementwise import Elementwise
from ..core.errors import ConfigError, UnknownNameError
from ..core.spec import ActivationSpec
from . import aliases
from .aliases import alias_kind, canonical
from .formulas import formula_kind

FAMILIES = {"relu": ("relu", "relu6")}
"""Names that stand for several kinds: `relu` means ReLU with or without a cap."""

_ATEN = (
    *("relu", "relu6", "hardtanh", "threshold", "clamp", "clamp_min", "leaky_relu", "prelu", "rrelu", "elu", "celu"),
    *("selu", "gelu", "silu", "mish", "hardswish", "hardsigmoid", "softplus", "sigmoid", "tanh"),
)
OPERATORS = {name: {"silu": "swish", "clamp_min": "clamp"}.get(name, name) for name in _ATEN}
"""PyTorch's operators that are activations, which a model may call as `torch.ops.aten.relu`, and their kinds."""


def _operators(name: str) -> Iterator[Callable[..., Any]]:
    """Give the operator of a name and the one that writes over its input, and of each the overload for numbers."""
    for spelling in (name, f"{name}_"):
        operator = getattr(torch.ops.aten, spelling, None)
        if operator is not None:
            yield from (operator, operator.default)


FUNCTIONS: dict[Callable[..., Any], str] = {
    **dict.fromkeys((F.relu, F.relu_, torch.relu, torch.relu_, Tensor.relu, Tensor.relu_), "relu"),
    F.relu6: "relu6",
    **dict.fromkeys((F.hardtanh, F.hardtanh_), "hardtanh"),
    **dict.fromkeys((F.threshold, torch.threshold, torch.threshold_), "threshold"),
    **dict.fromkeys((torch.clamp, torch.clamp_, Tensor.clamp, Tensor.clamp_, torch.clip, Tensor.clip), "clamp"),
    **dict.fromkeys((torch.clip_, Tensor.clip_), "clamp"),
    **dict.fromkeys((torch.clamp_min, torch.clamp_min_, Tensor.clamp_min, Tensor.clamp_min_), "clamp"),
    **dict.fromkeys((F.leaky_relu, F.leaky_relu_), "leaky_relu"),
    **dict.fromkeys((F.prelu, torch.prelu, Tensor.prelu), "prelu"),
    **dict.fromkeys((F.rrelu, F.rrelu_, torch.rrelu, torch.rrelu_), "rrelu"),
    **dict.fromkeys((F.elu, F.elu_), "elu"),
    **dict.fromkeys((F.celu, F.celu_, torch.celu, torch.celu_), "celu"),
    **dict.fromkeys((F.selu, F.selu_, torch.selu, torch.selu_), "selu"),
    F.gelu: "gelu",
    F.silu: "swish",
    F.mish: "mish",
    F.hardswish: "hardswish",
    F.hardsigmoid: "hardsigmoid",
    F.softplus: "softplus",
    **dict.fromkeys((F.sigmoid, torch.sigmoid, torch.sigmoid_, Tensor.sigmoid, Tensor.sigmoid_), "sigmoid"),
    **dict.fromkeys((F.tanh, torch.tanh, torch.tanh_, Tensor.tanh, Tensor.tanh_), "tanh"),
    **{operator: kind for name, kind in OPERATORS.items() for operator in _operators(name)},
}
"""Every function that a swap can find; `clamp`, `hardtanh` and `threshold` are ReLUs with certain bounds only."""

RECTIFYING = ("relu", "relu6", "clamp")
"""Kinds that are ReLUs with or without a cap; `clamp` are those that are written as bare clamps and read or are read by
something other than layers."""

KINDS = (frozenset(FUNCTIONS.values()) - {"threshold"}) | aliases.KINDS

_BOUNDS = {"hardtanh": ("min_val", "max_val"), "clamp": ("min", "max"), "threshold": ("threshold", "value")}
_DEFAULTS = {"hardtanh": (-1.0, 1.0), "clamp": (None, None), "threshold": (None, None)}
_POSITION = {"leaky_relu": 2, "relu": 1, "relu6": 1, "elu": 2, "celu": 2, "selu": 1, "rrelu": 4}
_POSITION |= {"hardtanh": 3, "threshold": 3, "swish": 1, "mish": 1, "hardswish": 1, "hardsigmoid": 1}


def identify(func: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> str | None:
    """Return the kind of activation that a function call computes, or None if it computes none.

    Example:
        >>> x = torch.zeros(1)
        >>> identify(torch.clamp, (x,), {"min": 0}), identify(torch.clamp, (x, -1, 1), {})
        ('relu', None)
    """
    kind = FUNCTIONS.get(func)
    if kind not in _BOUNDS:
        return kind
    low, high = bounds(kind, args, kwargs)
    if isinstance(low, Tensor) or isinstance(high, Tensor):
        # Bounds that the model computes are not an activation's.
        return None
    if low != 0:
        return "hardtanh" if kind == "hardtanh" else None
    if kind == "threshold":
        return "relu" if high == 0 else None
    if high is None:
        return "relu"
    return "relu6" if high == 6 else "hardtanh"


def plain_kind(func: Any) -> str:
    """Return the kind of a function that is an activation whatever other arguments it is given; empty for others.

    Example:
        >>> plain_kind(F.relu), plain_kind(F.hardtanh), plain_kind(torch.sin)
        ('relu', '', '')
    """
    try:
        kind = FUNCTIONS.get(func, "")
    except TypeError:  # not hashable
        return ""
    return "" if kind in _BOUNDS else kind


def bounds(kind: str, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> tuple[Any, Any]:
    """Return the two bounds that a call of `hardtanh`, `clamp` or `threshold` is given.

    Args:
        kind: one of these three names.
        args: positional arguments of the call.
        kwargs: keyword arguments of the call.
    """
    given = [*args[1:3], *(None for _ in range(3 - len(args)))]
    names, defaults = _BOUNDS[kind], _DEFAULTS[kind]
    for index in (0, 1):
        if len(args) <= index + 1:
            given[index] = kwargs.get(names[index], defaults[index])
    return given[0], given[1]


def tensor_of(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Tensor:
    """Return the tensor that an activation is called on."""
    x: Tensor = args[0] if args else kwargs["input" if "input" in kwargs else "self"]
    return x


def is_inplace(func: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> bool:
    """Return whether the call writes its result over its input.

    Example:
        >>> x = torch.zeros(1)
        >>> is_inplace(F.relu, (x,), {"inplace": True}), is_inplace(F.leaky_relu, (x, 0.1), {})
        (True, False)
    """
    if getattr(func, "__name__", "").partition(".")[0].endswith("_"):
        return True
    position = _POSITION.get(FUNCTIONS.get(func, ""), len(args))
    positional = getattr(func, "__module__", "") == F.__name__ and len(args) > position and args[position]
    return bool(kwargs.get("inplace", positional))


def expand(names: str | Iterable[str]) -> frozenset[str]:
    """Return the kinds that `names` stand for, in any spelling that libraries use.

    The registered names of this library's functions are kinds too.

    Raises:
        UnknownNameError: there is no such kind.
        ConfigError: `names` are no names.

    Example:
        >>> sorted(expand("relu")), sorted(expand(("gelu", "relu")))
        (['relu', 'relu6'], ['gelu', 'relu', 'relu6'])
    """
    if not isinstance(names, Iterable) or isinstance(names, type):
        raise ConfigError(f"kinds of activation are given by name, such as 'relu' or ('relu', 'silu'), got {names!r}")
    kinds: set[str] = set()
    known = KINDS | set(FAMILIES) | set(registry.names())
    for given in (names,) if isinstance(names, str) else names:
        name = canonical(given, known)
        if name not in known:
            raise UnknownNameError("kind of activation", name, known)
        kinds.update(FAMILIES.get(name, (name,)))
    return frozenset(kinds)


def spec_of(module: nn.Module | None) -> ActivationSpec | None:
    """Return the spec of an activation of this library; None for any other module."""
    spec = getattr(module, "spec", None)
    return spec if isinstance(spec, ActivationSpec) else None


def own_kind(module: nn.Module) -> str | None:
    """Return the kind of a module that is one activation, whatever it computes inside; None for other modules.

    These are the activations of this library that keep the channels, by their registered names, those of other
    libraries that compute a known formula, and those that write one out.
    """
    if isinstance(module, Elementwise):
        return module.spec.name if module.spec.channel_factor == (1, 1) else None
    return alias_kind(module) or formula_kind(module)


def is_torch_activation(module: nn.Module) -> bool:
    """Return whether a module is one of PyTorch's own activations, computed value by value."""
    return type(module).__module__ == nn.ReLU.__module__ and not isinstance(module, _NORMALISING)


def may_be_activation(module: nn.Module) -> bool:
    """Return whether a module may be an activation and nothing else, as far as can be told without calling it.

    Example:
        >>> may_be_activation(nn.ReLU()), may_be_activation(nn.Linear(2, 2)), may_be_activation(nn.Dropout())
        (True, False, False)
    """
    if any(True for _ in module.children()):
        return False
    if isinstance(module, nn.PReLU) or own_kind(module) is not None:
        return True
    if type(module).__module__.startswith("torch.nn."):
        return is_torch_activation(module)
    return not any(True for _ in module.parameters())


_NORMALISING = (nn.Softmax, nn.Softmax2d, nn.Softmin, nn.LogSoftmax, nn.MultiheadAttention)
"""What PyTorch keeps among its activations although it normalises over many values."""
