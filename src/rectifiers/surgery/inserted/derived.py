"""Subclasses made at run time for single modules: they have the name of the module's class, and can be pickled."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from torch import nn

MakeClass = Callable[..., "type[nn.Module]"]
Recipe = tuple[Any, ...]
"""The function that makes a class, the class or the recipe that it makes it from, and its other arguments."""


class Derived(nn.Module):
    """The base that classes made at run time have in front of the module's own class."""

    _base: type[nn.Module]
    _recipe: Recipe

    def __init_subclass__(cls, **unused: Any) -> None:
        """Leave out what the module's own class does for its subclasses, such as registering them."""

    def __reduce_ex__(self, protocol: Any) -> Any:
        # A class made at run time cannot be pickled by its name; what makes it can.
        return _new_module, (_pickled_recipe(type(self)),), self.__dict__


def derive_class(
    first: type[Derived],
    base: type[nn.Module],
    make: MakeClass,
    *arguments: Any,
    more_bases: tuple[type, ...] = (),
    members: Mapping[str, Any] | None = None,
) -> type[nn.Module]:
    """Make a subclass of `first` and `base` that has the name of `base`.

    Args:
        first: the base that comes first.
        base: the class of the module.
        make: a function at the top of a file that makes this class from `base`, for unpickling.
        *arguments: what else `make` takes.
        more_bases: bases that come last.
        members: further attributes and methods of the class.
    """
    named = {"__module__": base.__module__, "__qualname__": base.__qualname__, "__doc__": base.__doc__}
    own = {"_base": base, "_recipe": (make, base, *arguments)}
    # The metaclass's own `__new__` may register classes; plain ones have none.
    meta: Any = type(base)
    bases = (base, *more_bases) if issubclass(base, first) else (first, base, *more_bases)
    cls: type[nn.Module] = meta(base.__name__, bases, {**own, **named, **(members or {})})
    return cls


def known_class(base: type[nn.Module], make: MakeClass, *arguments: Any) -> type[nn.Module] | None:
    """Return the class that `derive_class` has made already; None if it has not, or nothing uses it any more.

    Equally swapped modules have the same class, as `torch.func.stack_module_state` wants, and share what was compiled.
    """
    wanted = (make, base, *arguments)
    return next((cls for cls in type.__subclasses__(base) if vars(cls).get("_recipe") == wanted), None)


def _pickled_recipe(cls: type[Any]) -> Recipe:
    make, base, *arguments = cls._recipe
    return make, _pickled_recipe(base) if issubclass(base, Derived) else base, *arguments


def _new_module(recipe: Recipe) -> nn.Module:
    cls = _class_of(recipe)
    module: nn.Module = cls.__new__(cls)
    return module


def _class_of(recipe: Recipe) -> type[nn.Module]:
    make, base, *arguments = recipe
    cls: type[nn.Module] = make(_class_of(base) if isinstance(base, tuple) else base, *arguments)
    return cls
