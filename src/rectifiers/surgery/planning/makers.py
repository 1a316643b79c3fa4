"""What a user gives as the activation to put in: a name, a class, a module, or a function."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Mapping
from typing import Any

from torch import nn

from ...activations import registry
from ...core.adapting import from_function
from ...core.errors import ConfigError
from ...core.factory import story
from ...core.other_names import meant
from ...watching import kinds
from ..edits.fold import CONVOLUTIONS
from ..edits.recipe import Factory

_COUNTS = ("channels", "num_channels", "num_parameters")
"""What modules call the number of channels that they are made for."""
_DIM = "channel_dim"
_WANTED = "a name, a class of modules, a module, or a function that makes a module for a number of channels"


class Maker:
    """Makes a module for each site, of what the user gave.

    Args:
        make: makes a module for a number of channels.
        name: what plans call it.
        counts: whether the number of channels matters.
    """

    def __init__(self, make: Callable[[int], Any], name: str, *, counts: bool) -> None:
        self.make, self.__name__, self.counts = make, name, counts

    def __reduce__(self) -> tuple[Any, ...]:
        # A swapped model keeps its plans, which must not stand in the way where the model itself can be pickled.
        return _forgotten, (self.__name__, self.counts)

    def __deepcopy__(self, memo: Any) -> Maker:
        return self

    def __call__(self, channels: int) -> nn.Module:
        """Make a module.

        Raises:
            ConfigError: that fails, or gives something else.
        """
        called = f"{self.__name__}({channels if self.counts else ''})"
        try:
            made = self.make(channels)
        except Exception as error:
            raise ConfigError(f"{called} failed: {story(error)}; to must be {_WANTED}") from error
        if not isinstance(made, nn.Module):
            raise ConfigError(f"{called} returned {_word(made)}; to must be {_WANTED}")
        return made


def _forgotten(name: str, counts: bool) -> Maker:
    """Return what stands for a maker in a model that was pickled."""

    def make(channels: int) -> nn.Module:
        raise ConfigError(f"pickle does not keep what makes {name}")

    return Maker(make, name, counts=counts)


def read_activation(to: Any, options: Mapping[str, Any]) -> str | Factory:
    """Return what to put in: a registered name, or what makes a module for a number of channels.

    Args:
        to: a name, also one that others use; a class, which is made for the channels of each site; a module, of which
            each site gets a copy; an activation function of PyTorch; or a function that makes a module.
        options: arguments of the class; other forms take none but `channel_dim`, which tells their channels.

    Raises:
        ConfigError: it is something else, or takes no options.

    Example:
        >>> read_activation("silu", {}), read_activation(registry.get("pvlu"), {})
        ('swish', 'pvlu')
        >>> read_activation(nn.LeakyReLU, {"negative_slope": 0.2})(8)
        LeakyReLU(negative_slope=0.2)
    """
    if isinstance(to, str):
        other = None if to in registry or to in CONVOLUTIONS else meant(to)
        return other if other is not None and other in registry else to
    if is_module_class(to):
        name = getattr(getattr(to, "spec", None), "name", "")
        return name if name in registry and registry.get(name) is to else _of_class(to, options)
    own = next((name for name in options if name != _DIM), "")
    if own:
        raise ConfigError(f"{own} is for an activation that is given by its name or its class, not for {_word(to)}")
    if isinstance(to, nn.Module):
        return Maker(lambda channels: copy.deepcopy(to), type(to).__name__, counts=False)
    if kinds.plain_kind(to):
        made = from_function(to)
        return Maker(lambda channels: made(), to.__name__, counts=False)
    if not callable(to):
        raise ConfigError(f"to must be {_WANTED}, got {_word(to)}")
    return Maker(to, _word(to), counts=True)


def is_module_class(thing: object) -> bool:
    """Return whether something is a class of modules."""
    return isinstance(thing, type) and issubclass(thing, nn.Module)


def _of_class(cls: type[nn.Module], options: Mapping[str, Any]) -> Maker:
    names = inspect.signature(cls).parameters
    options = {name: value for name, value in options.items() if name != _DIM or name in names}
    count = next((name for name in _COUNTS if name in names and name not in options), None)

    def make(channels: int) -> nn.Module:
        return cls(**options, **({} if count is None else {count: channels}))

    return Maker(make, cls.__name__, counts=count is not None)


def _word(thing: Any) -> str:
    return getattr(thing, "__name__", None) or repr(thing)
