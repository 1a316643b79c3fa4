"""Subclasses made at run time for single modules: they have the name of the module's class, and can be pickled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import nn

MakeClass = Callable[[Any], "type[nn.Module]"]


class Derived(nn.Module):
    """The base that classes made at run time have in front of the module's own class."""

    _base: type[nn.Module]
    _make: MakeClass

    def __reduce_ex__(self, protocol: Any) -> Any:
        # A class made at run time cannot be pickled by its name; the function that makes it can.
        return _new_module, (type(self)._make, type(self)._base), self.__dict__


def derive_class(first: type[Derived], base: type[nn.Module], make: MakeClass, **members: Any) -> type[nn.Module]:
    """Make a subclass of `first` and `base` that has the name of `base`.

    Args:
        first: the base that comes first.
        base: the class of the module.
        make: a function at the top of a file that makes this class from `base`, for unpickling.
        **members: further attributes and methods of the class.
    """
    named = {"__module__": base.__module__, "__qualname__": base.__qualname__}
    return type(base.__name__, (first, base), {"_base": base, "_make": staticmethod(make), **named, **members})


def _new_module(make: MakeClass, base: type[nn.Module]) -> nn.Module:
    cls = make(base)
    module: nn.Module = cls.__new__(cls)
    return module
