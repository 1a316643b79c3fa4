"""Activations for calls that have no module of their own: of functions, and of one module used several times.

Which call is which is told by counting within one call of an enclosing module, the scope. The scope's class gets a
subclass of the same name that counts; nothing else of it changes. Functions are caught by a `TorchFunctionMode`, which
`torch.compile` and `torch.export` trace through; it costs about two microseconds for every PyTorch function that the
scope calls. Reused modules are replaced by `PerCall`, which costs nothing beside a call.
"""

from __future__ import annotations

import functools
import sys
import threading
from collections.abc import Callable, Mapping
from types import FrameType
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from ..core.errors import UnsupportedError
from . import kinds

CHILD = "rectified"
"""Name of the child of a module that holds the activations of its function calls."""

_REUSED, _NESTED = "_rectifiers_reused", "_rectifiers_nested"
_QUIET = (
    "Conv",
    "Linear",
    "BatchNorm",
    "Pool",
    "Dropout",
    "Identity",
    "Flatten",
    "Pad",
    "LayerNorm",
    "GroupNorm",
    "Embedding",
    "Sequential",
    "ModuleList",
    "ModuleDict",
)


class Calls(nn.Module):
    """The activations of one module's calls by number; a call without one stays what it was."""

    def __init__(self, activations: Mapping[int, nn.Module]) -> None:
        super().__init__()
        for number, activation in activations.items():
            self.add_module(str(number), activation)

    def at(self, number: int) -> nn.Module | None:
        """The activation of this call."""
        return self._modules.get(str(number))


class PerCall(Calls):
    """Stands in for a module that is called several times in a forward of its scope, with an activation for each call.

    Safe to call from several threads: each counts for itself.

    Args:
        activations: by number of the call.
        original: what the other calls get.
        name: the module's name, for errors.
        scope: the scope's name, for errors.
    """

    def __init__(self, activations: Mapping[int, nn.Module], original: nn.Module, name: str, scope: str) -> None:
        super().__init__(activations)
        self.original = original
        self.name, self.scope = name, scope
        self.number = -1
        self._count = threading.local()

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_count"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self._count = threading.local()

    def begin(self, number: int = 0) -> None:
        """Start counting at `number`; −1 ends it."""
        if torch.compiler.is_dynamo_compiling():
            self.number = number
        else:
            self._count.number = number

    def forward(self, x: Tensor) -> Tensor:
        """Apply the activation of this call."""
        if torch.compiler.is_dynamo_compiling():
            number = self.number
            self.number = number + 1
        else:
            number = getattr(self._count, "number", -1)
            self._count.number = number + 1
        if number < 0:
            self.begin(-1)
            raise UnsupportedError(
                f"{self.name} is called several times in a forward of {self.scope or 'the model'}, with an activation "
                "for each call; called from outside of it, nobody can tell which call this is. Call "
                f"{self.scope or 'the model'} itself, or swap with share_calls=True"
            )
        y: Tensor = (self.at(number) or self.original)(x)
        return y


class Interception(TorchFunctionMode):
    """While it is entered, the activation functions that `owner` calls are replaced, counted from 0.

    Args:
        owner: the module whose own calls are meant, not those of modules inside it.
        calls: the activations.
        nested: whether modules inside `owner` call such functions too.
    """

    def __init__(self, owner: nn.Module, calls: Calls, nested: bool) -> None:
        super().__init__()
        self.owner, self.calls, self.nested = owner, calls, nested
        self.number = 0

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if func not in kinds.FUNCTIONS or kinds.identify(func, args, kwargs) is None:
            return func(*args, **kwargs)
        if self.nested and not self._is_called_by_owner():
            return func(*args, **kwargs)
        activation = self.calls.at(self.number)
        self.number += 1
        return func(*args, **kwargs) if activation is None else activation(kinds.tensor_of(args, kwargs))

    def _is_called_by_owner(self) -> bool:
        """Whether `owner` is the innermost module of its tree whose `forward` is running."""
        frame: FrameType | None = sys._getframe(1)
        while frame is not None:
            if frame.f_code is nn.Module._call_impl.__code__:
                module = frame.f_locals["self"]
                if module is self.owner or module in self._inside:
                    return module is self.owner
            frame = frame.f_back
        return False

    @functools.cached_property
    def _inside(self) -> set[nn.Module]:
        return set(self.owner.modules())


def is_quiet(module: nn.Module) -> bool:
    """Whether no module inside this one calls activation functions: convolutions, norms and the like alone."""
    calls = module._modules.get(CHILD)
    replaced = set() if calls is None else set(calls.modules())
    inside = (inner for inner in module.modules() if inner is not module and inner not in replaced)
    return all(
        type(inner).__module__.startswith("torch.nn.") and any(word in type(inner).__name__ for word in _QUIET)
        for inner in inside
    )


class _Scope(nn.Module):
    """What a scope's class gets in front of its own."""

    _base: type[nn.Module]

    def __reduce_ex__(self, protocol: Any) -> Any:
        # A class made at run time cannot be pickled by name.
        return _new_scope, (type(self)._base,), self.__dict__


def _new_scope(base: type[nn.Module]) -> nn.Module:
    cls = _scope_class(base)
    module: nn.Module = cls.__new__(cls)
    return module


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

    members: dict[str, Any] = {
        "forward": forward,
        "_base": base,
        "__module__": base.__module__,
        "__qualname__": base.__qualname__,
    }
    return type(base.__name__, (_Scope, base), members)


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
