"""Scopes: modules that count calls, of functions that they call or of a reused module inside them.

Which call is which is decided by counting within one call of the scope. The scope gets a subclass of its class, with
the same name, that counts; nothing else about it changes.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from torch import nn

from ...core.errors import UnsupportedError
from ...watching.replaced import CHILD
from .derived import Derived, derive_class
from .interception import Interception, is_quiet

_REUSED, _NESTED = "_rectifiers_reused", "_rectifiers_nested"


class _Scope(Derived):
    """The base that is put in front of a scope's class."""


def _scope_class(base: Any) -> type[nn.Module]:
    original = base.forward

    @functools.wraps(original)
    def forward(self: Any, *args: Any, **kwargs: Any) -> Any:
        reused = [self.get_submodule(path) for path in self.__dict__[_REUSED]]
        for module in reused:
            module.begin()
        try:
            calls = self._modules.get(CHILD)
            if calls is None:
                return original(self, *args, **kwargs)
            with Interception(self, calls, self.__dict__[_NESTED]):
                return original(self, *args, **kwargs)
        finally:
            for module in reused:
                module.begin(-1)

    return derive_class(_Scope, base, _scope_class, forward=forward)


def is_scope(module: nn.Module) -> bool:
    """Return whether `module` counts calls."""
    return isinstance(module, _Scope)


def open_scope(module: nn.Module, *, reused: str | None = None) -> Callable[[], None]:
    """Let `module` count calls; return what undoes that.

    Args:
        module: the scope.
        reused: path of the `PerCall` in it whose calls are counted; None counts the functions that the scope calls.

    Raises:
        UnsupportedError: the module's `forward` was set on the object, where a subclass cannot count.
    """
    if "forward" in module.__dict__:
        raise UnsupportedError(
            f"this {type(module).__name__} has a forward set on the object itself, in which calls of functions and of "
            "reused modules cannot be counted; make it a method of the class"
        )
    before = type(module), module.__dict__.get(_REUSED, ()), module.__dict__.get(_NESTED, False)

    def undo() -> None:
        module.__class__ = before[0]
        for name, value in zip((_REUSED, _NESTED), before[1:], strict=True):
            if is_scope(module):
                module.__dict__[name] = value
            else:
                module.__dict__.pop(name, None)

    if not is_scope(module):
        module.__class__ = _scope_class(type(module))
    module.__dict__[_REUSED] = before[1] if reused is None else (*before[1], reused)
    module.__dict__[_NESTED] = not is_quiet(module)
    return undo
