"""Scopes: modules that count calls, of functions that they call or of a reused module inside them.

Which call is which is decided by counting within one call of the scope. The scope gets a subclass of its class, with
the same name, that counts; nothing else about it changes.
"""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable, Iterable
from types import FrameType, FunctionType
from typing import Any, cast

import torch
from torch import fx, nn

from ...core.errors import UnsupportedError
from ...watching.callers import unwrapped
from ...watching.replaced import replaced_calls
from .classes import class_of, set_class
from .derived import Derived, derive_class, known_class
from .interception import Interception, is_intercepting, is_quiet
from .rewritten import rebind, rewritten_numbers
from .uncompiled import Uncompiled

_REUSED, _NESTED = "_rectifiers_reused", "_rectifiers_nested"


class _Scope(Derived):
    """The base that is put in front of a scope's class."""


def _scope_class(base: Any, through: tuple[str, ...] = ()) -> type[nn.Module]:
    """Make the class of a scope.

    Args:
        base: the class of the module.
        through: other methods in which it calls functions that are counted.
    """
    known = known_class(base, _scope_class, through)
    if known is not None:
        return known
    original = base.forward
    uncompiled = Uncompiled(original)

    @functools.wraps(original)
    def forward(self: Any, *args: Any, **kwargs: Any) -> Any:
        reused = [self.get_submodule(path) for path in self.__dict__[_REUSED]]
        if not torch.compiler.is_compiling() and _goes_on(self, reused, sys._getframe(1)):
            return original(self, *args, **kwargs)
        # The module may call itself.
        before = [module.begin() for module in reused]
        try:
            calls = replaced_calls(self)
            if not calls._modules:
                return original(self, *args, **kwargs)
            # Activations that rewritten methods call may be made of such functions themselves.
            own = rewritten_numbers(self)
            nested = self.__dict__[_NESTED] or bool(own)
            with Interception(self, calls, nested, own, code) as interception:
                # Whose call it is, Python's frames tell, which compiled code does not have.
                outputs = (uncompiled if nested else original)(self, *args, **kwargs)
            if not torch.compiler.is_compiling() and any(
                isinstance(one, fx.Proxy) for one in (*args, *kwargs.values())
            ):
                interception.check_traced()
            return outputs
        finally:
            for module, number in zip(reused, before, strict=True):
                module.begin(number)

    code = cast("FunctionType", forward).__code__
    guarded = {name: _guard_inside(name, inspect.getattr_static(base, name)) for name in through}
    # A module that is a scope already counts in its own `forward`.
    counting = {} if issubclass(base, _Scope) else {"forward": forward}
    return derive_class(_Scope, base, _scope_class, through, members={**guarded, **counting})


def _goes_on(module: nn.Module, reused: Iterable[Any], caller: FrameType) -> bool:
    """Return whether this is `self.forward(x)` within the module's own call, in which counting goes on."""
    if caller.f_code.co_filename == nn.Module._call_impl.__code__.co_filename:
        return False
    return is_intercepting(module) or any(one.is_counting for one in reused)


def _guard_inside(name: str, attribute: Any) -> Any:
    """Return a method that is refused outside of `forward`, inside the same decorators."""
    function = next(unwrapped(attribute))
    return rebind(attribute, function, _guard(name, function))


def _guard(name: str, original: FunctionType) -> FunctionType:
    """Return a method that is refused outside of `forward`, where its calls of functions have no numbers."""

    @functools.wraps(original)
    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        if not is_intercepting(self) and not torch.compiler.is_compiling():
            raise UnsupportedError(
                f"{name} of this {type(self).__name__} calls activation functions that were swapped, which are told "
                "apart by their numbers within one forward, because the code alone does not tell them apart; this call "
                "comes from outside of forward, as by activation checkpointing, and has none. Call the model itself, "
                "or make each activation a module of its own before the swap"
            )
        return original(self, *args, **kwargs)

    assert isinstance(method, FunctionType)
    return method


def is_scope(module: nn.Module) -> bool:
    """Return whether `module` counts calls."""
    return isinstance(module, _Scope)


def open_scope(module: nn.Module, *, reused: str | None = None, through: tuple[str, ...] = ()) -> Callable[[], None]:
    """Let `module` count calls; return what undoes that.

    Args:
        module: the scope.
        reused: path of the `PerCall` in it whose calls are counted; None counts the functions that the scope calls.
        through: methods other than `forward` in which the scope calls these functions.

    Raises:
        UnsupportedError: the module's `forward` was set on the object, where a subclass cannot count.
    """
    if "forward" in module.__dict__:
        raise UnsupportedError(
            f"this {type(module).__name__} has a forward set on the object itself, in which calls of functions and of "
            "reused modules cannot be counted; make it a method of the class"
        )
    before = module.__dict__.get(_REUSED, ()), module.__dict__.get(_NESTED, False)
    back = None
    if not is_scope(module) or through:
        back = set_class(module, _scope_class(class_of(module), through))

    def undo() -> None:
        if back is not None:
            back()
        for name, value in zip((_REUSED, _NESTED), before, strict=True):
            if is_scope(module):
                module.__dict__[name] = value
            else:
                module.__dict__.pop(name, None)

    module.__dict__[_REUSED] = before[0] if reused is None else (*before[0], reused)
    module.__dict__[_NESTED] = not is_quiet(module)
    return undo
