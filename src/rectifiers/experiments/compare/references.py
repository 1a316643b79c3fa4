"""Names for what a trial uses of the user's: `package.module:name#digest`, where the digest is of code and content.

A trial holds names, for it is a value. What a name stands for is kept by this process, or imported in another one. The
digest makes results that were found with other code, or other data, results of another trial.
"""

from __future__ import annotations

import functools
from typing import Any

from ...core.errors import ConfigError, RectifiersError
from ...core.factory import locate
from .digest import digest

_given: dict[str, Any] = {}


def refer(thing: Any) -> str:
    """Name a thing of the user's; this process then knows what the name stands for.

    Args:
        thing: a function, class, model, or data; or `package.module:name`, which is imported.

    Returns:
        `package.module:name#digest`.

    Raises:
        ConfigError: there is nothing of such a name.

    Example:
        >>> from torch import nn
        >>> resolve(refer(nn.ReLU)) is nn.ReLU, refer("torch.nn:ReLU") == refer("torch.nn:ReLU")
        (True, True)
    """
    name = thing if isinstance(thing, str) else _name(thing)
    found = locate(thing) if isinstance(thing, str) else thing
    reference = f"{name}#{digest(found)}"
    _given[reference] = found
    return reference


def resolve(reference: str) -> Any:
    """What a name stands for.

    Raises:
        ConfigError: another process made the name for something that cannot be imported, or the code has changed.
    """
    if reference in _given:
        return _given[reference]
    name, _, wanted = reference.partition("#")
    found = locate(name)
    if digest(found) != wanted:
        raise ConfigError(f"{name} has changed since the comparison began; start it again")
    _given[reference] = found
    return found


def is_importable(reference: str) -> bool:
    """Whether another process can find out what a name stands for.

    Example:
        >>> from torch import nn
        >>> is_importable(refer(nn.ReLU)), is_importable(refer(lambda: nn.ReLU()))
        (True, False)
    """
    name = reference.partition("#")[0]
    module, _, attribute = name.partition(":")
    if module == "__main__" or not module or not attribute.replace(".", "").isidentifier():
        return False
    try:
        return locate(name) is _given.get(reference)
    except RectifiersError:
        return False


def title(reference: str) -> str:
    """The last word of a name, for people.

    Example:
        >>> title("my.models:make_net#0123456789ab")
        'make_net'
    """
    return reference.partition("#")[0].rpartition(":")[2].rpartition(".")[2] or "it"


def _name(thing: Any) -> str:
    if isinstance(thing, functools.partial):
        return _name(thing.func)
    described = thing if isinstance(thing, type) or hasattr(thing, "__qualname__") else type(thing)
    module = getattr(thing, "__module__", None) or described.__module__
    return f"{module}:{described.__qualname__}".replace(" ", "-").replace("#", "-")
