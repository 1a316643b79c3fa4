"""The functions, one file each. The table below is their registry; importing it imports no function.

The module classes stand here by name too: `from rectifiers.activations import AReLU` loads its file.

A new function: one file that holds its module class with a `spec`, and one line in `TABLE`; then `make docs`, which
writes `classes.py`, where type checkers and editors look.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from ..core.errors import ConfigError, UnknownNameError
from ..core.registry import Registry

if TYPE_CHECKING:
    from torch import nn

    from .classes import *  # noqa: F403

TABLE = {
    "adarelu": "adarelu:AdaReLU",
    "apl": "apl:APL",
    "apl_arelu": "apl:APLAReLU",
    "arelu": "arelu:AReLU",
    "avr": "avr:AVR",
    "celu": "celu:CELU",
    "comb": "comb:Comb",
    "comb_arelu": "comb:CombAReLU",
    "convrelu1d": "convrelu:ConvReLU1d",
    "convrelu2d": "convrelu:ConvReLU2d",
    "convrelu3d": "convrelu:ConvReLU3d",
    "crelu": "crelu:CReLU",
    "elsa": "elsa:ELSA",
    "elu": "elu:ELU",
    "fatrelu": "fatrelu:FATReLU",
    "gelu": "gelu:GELU",
    "gelu_tanh": "gelu:GELUTanh",
    "leaky_relu": "leaky_relu:LeakyReLU",
    "maxout": "maxout:Maxout",
    "maxout_arelu": "maxout:MaxoutAReLU",
    "pau": "pau:PAU",
    "pau_arelu": "pau:PAUAReLU",
    "poly_norm": "poly_norm:PolyNorm",
    "poly_relu": "poly_relu:PolyReLU",
    "prelu": "prelu:PReLU",
    "pvlu": "pvlu:PVLU",
    "relu": "relu:ReLU",
    "relu6": "relu6:ReLU6",
    "relu_squared": "relu_squared:ReLUSquared",
    "rrelu": "rrelu:RReLU",
    "selu": "selu:SELU",
    "sigmoid": "sigmoid:Sigmoid",
    "sinerelu": "sinerelu:SineReLU",
    "slaf": "slaf:SLAF",
    "slaf_arelu": "slaf:SLAFAReLU",
    "softplus": "softplus:Softplus",
    "swish": "swish:Swish",
    "tanh": "tanh:Tanh",
    "vlu": "vlu:VLU",
    "xielu": "xielu:XIELU",
}

CLASSES = {target.split(":")[1]: name for name, target in TABLE.items()}
"""Registry name of every class of the table."""


def _adopt(thing: Any, name: str, origin: str) -> type[nn.Module]:
    """A class with a spec, of a module class or a function of a tensor."""
    from torch import nn

    from ..core.adapting import adapt, from_function

    if not (issubclass(thing, nn.Module) if isinstance(thing, type) else inspect.isfunction(thing)):
        raise ConfigError(f"{origin}: expected a module class or a function of one tensor, got {thing!r}")
    return adapt(thing if isinstance(thing, type) else from_function(thing), name, origin)


registry: Registry[Any] = Registry("activation", __name__, TABLE, _adopt)


def create(name: str, *, start: str | None = None, **arguments: Any) -> nn.Module:
    """A new module of the activation called `name`.

    Args:
        name: a registered name.
        start: `published`, which is the default, or `relu`, which is `relu_like=True`.
        **arguments: what its class takes: starting values, `relu_like`, `share`, `channels`, `channel_dim`, ….

    Raises:
        UnknownNameError: there is no such function or no such start; with the nearest names.
        ConfigError: `start` and `relu_like` contradict each other, a start at what was there is asked for, which
            takes a model, or an argument is missing, unknown or outside its domain.

    Example:
        >>> create("arelu", alpha=0.75, beta=1.0)
        AReLU(alpha=0.75, beta=1, share='layer')
    """
    if start is not None:
        relu_like = _read_start(start)
        if arguments.setdefault("relu_like", relu_like) != relu_like:
            raise ConfigError(f"relu_like={not relu_like} contradicts start={start!r}; leave relu_like out")
    kind = registry.get(name)
    try:
        inspect.signature(kind).bind(**arguments)
    except TypeError as error:
        raise ConfigError(f"{name}: {error}; it takes {', '.join(inspect.signature(kind).parameters)}") from None
    module: nn.Module = kind(**arguments)
    return module


def _read_start(start: str) -> bool:
    if start == "was":
        raise ConfigError("start='was' takes a model in which something was: use rectifiers.swap")
    if start not in ("published", "relu"):
        raise UnknownNameError("start", str(start), ("published", "relu"))
    return start == "relu"


def list_activations() -> list[str]:
    """Names of all registered activations, sorted."""
    return registry.names()


def register_activation(name: str) -> Callable[[Any], Any]:
    """Class decorator that adds an activation to the registry under `name`; the class carries a `spec`."""
    return registry.register(name)


def channel_factor(module: nn.Module) -> Fraction:
    """Output channels per input channel: 2 for CReLU, 1/k for Maxout, 1 for all that keep the shape."""
    return Fraction(getattr(module, "channel_factor", 1))


if not TYPE_CHECKING:  # A misspelt name is an error to type checkers, too.

    def __getattr__(name: str) -> Any:
        if name in CLASSES:
            return registry.get(CLASSES[name])
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *CLASSES})
