"""Classes made at run time for single modules: of the same name as theirs, and pickled by what they were made of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import nn

MakeClass = Callable[[Any], "type[nn.Module]"]


class Derived(nn.Module):
    """The first base of such a class."""

    _base: type[nn.Module]
    _make: MakeClass

    def __reduce_ex__(self, protocol: Any) -> Any:
        # A class made at run time cannot be pickled by name.
        return _new_module, (type(self)._make, type(self)._base), self.__dict__


def derive_class(first: type[Derived], base: type[nn.Module], make: MakeClass, **members: Any) -> type[nn.Module]:
    """A class with the name of `base` that has `first` in front of it.

    Args:
        first: what comes in front.
        base: the class that the module has.
        make: the function of a module that makes this class of `base`, for unpickling.
        **members: what the class has of its own.
    """
    named = {"__module__": base.__module__, "__qualname__": base.__qualname__}
    return type(base.__name__, (first, base), {"_base": base, "_make": staticmethod(make), **named, **members})


def _new_module(make: MakeClass, base: type[nn.Module]) -> nn.Module:
    cls = make(base)
    module: nn.Module = cls.__new__(cls)
    return module
