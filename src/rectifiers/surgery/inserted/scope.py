"""Modules that count calls: of the functions that they call, and of a module that is called several times within.

Which call is which is told by counting within one call of an enclosing module, the scope. The scope's class gets a
subclass of the same name that counts; nothing else of it changes.
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
    """What a scope's class gets in front of its own."""


def _scope_class(base: Any) -> type[nn.Module]:
    run = base.forward

    @functools.wraps(run)
    def forward(self: Any, *args: Any, **kwargs: Any) -> Any:
        reused = [self.get_submodule(path) for path in self.__dict__[_REUSED]]
        for module in reused:
            module.begin()
        try:
            calls = self._modules.get(CHILD)
            if calls is None:
                return run(self, *args, **kwargs)
            with Interception(self, calls, self.__dict__[_NESTED]):
                return run(self, *args, **kwargs)
        finally:
            for module in reused:
                module.begin(-1)

    return derive_class(_Scope, base, _scope_class, forward=forward)


def is_scope(module: nn.Module) -> bool:
    """Whether `module` counts calls."""
    return isinstance(module, _Scope)


def open_scope(module: nn.Module, *, reused: str | None = None) -> Callable[[], None]:
    """Let `module` count calls, of its own functions or of the `PerCall` at the path `reused`; returns the undoing.

    Raises:
        UnsupportedError: the module's `forward` was replaced on the object, where no class can count.
    """
    if "forward" in module.__dict__:
        raise UnsupportedError(
            f"this {type(module).__name__} has a forward set on the object itself, whose calls of functions and of "
            "reused modules cannot be told apart; make it a method of a class"
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
