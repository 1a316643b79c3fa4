"""A network of the user's own: `package.module:factory`."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from weakref import WeakSet

from torch import nn

from ...core.errors import ConfigError
from ...core.factory import locate
from .network import OutsideNetwork

_SHAPE = ("shape", "input_shape")
_CLASSES = ("classes", "num_classes", "n_classes")


class OwnNetwork(OutsideNetwork):
    """A function or a class of the user's, which is called with what its parameters ask for.

    Those called `shape` or `input_shape` get the shape of one input; those called `classes`, `num_classes` or
    `n_classes`, how many there are. A factory with the parameters `act`, `shape` and `classes` is called as registered
    networks are: `act(channels)` makes one activation per site. Further parameters are options.

    Args:
        name: `package.module:factory`; the working directory can be imported from.

    Raises:
        ConfigError: it cannot be imported, is a model itself, or is nothing that can be called.
        UnknownNameError: the module has no such name; with the nearest ones.
    """

    def __init__(self, name: str) -> None:
        super().__init__(name)
        factory = locate(name)
        if isinstance(factory, nn.Module):
            raise ConfigError(
                f"{name} is a model; expected a function that makes one, because every run trains a new one"
            )
        if not callable(factory):
            raise ConfigError(f"{name} is of type {type(factory).__name__}; expected a function that makes a network")
        self._factory: Callable[..., Any] = factory
        self._parameters = _parameters(factory)
        self._made: WeakSet[nn.Module] = WeakSet()
        self.takes_act = {"act", "shape", "classes"} <= self._parameters.keys()
        self.digest = _digest_source(name, factory)

    def make(self, shape: tuple[int, ...], classes: int, options: Mapping[str, Any]) -> nn.Module:
        """Call the factory with shape and classes, where it asks for them, and the options."""
        asked: dict[str, Any] = {name: shape for name in _SHAPE if name in self._parameters}
        asked |= {name: classes for name in _CLASSES if name in self._parameters}
        return self._make({**asked, **options})

    def make_around(
        self, act: Callable[[int], nn.Module], shape: tuple[int, ...], classes: int, options: Mapping[str, Any]
    ) -> nn.Module:
        """Call the factory with `act`, shape, classes and the options."""
        return self._make({"act": act, "shape": shape, "classes": classes, **options})

    def _make(self, arguments: dict[str, Any]) -> nn.Module:
        parameters = self._parameters.values()
        if not any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
            for name in arguments:
                if name not in self._parameters:
                    known = ", ".join(self._parameters) or "none"
                    raise ConfigError(f"{self.name} has no parameter {name!r} for network_args; it takes {known}")
        for parameter in parameters:
            needed = parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY)
            if parameter.kind is parameter.POSITIONAL_ONLY and parameter.default is parameter.empty:
                raise ConfigError(f"{self.name} takes {parameter.name!r} by position alone; let it have a name")
            if needed and parameter.default is parameter.empty and parameter.name not in arguments:
                raise ConfigError(
                    f"{self.name} needs {parameter.name!r}; give it in network_args, such as "
                    f"{{{parameter.name!r}: 64}} (shape and classes are filled in by these names)"
                )
        net = self.call(self._factory, **arguments)
        if net in self._made:
            raise ConfigError(f"{self.name} returned the same model as before; every run needs a new one")
        self._made.add(net)
        return net


def _parameters(factory: Callable[..., Any]) -> Mapping[str, inspect.Parameter]:
    """Its parameters by name; none where Python cannot tell."""
    try:
        return inspect.signature(factory).parameters
    except (TypeError, ValueError):
        return {}


def _digest_source(name: str, factory: Any) -> str:
    """Sixteen hexadecimal digits of the file that defines a factory, or of the factory's own text in a notebook.

    Raises:
        ConfigError: neither can be read.
    """
    thing = inspect.unwrap(factory) if inspect.isroutine(factory) or inspect.isclass(factory) else type(factory)
    try:
        file = Path(inspect.getsourcefile(thing) or "")
        content = file.read_bytes() if file.is_file() else inspect.getsource(thing).encode()
    except (OSError, TypeError):
        raise ConfigError(
            f"the source of {name} cannot be read, so its runs cannot be told apart; use a .py file"
        ) from None
    return hashlib.sha256(content).hexdigest()[:16]
