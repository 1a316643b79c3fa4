"""The function mode of a swapped module: it calls modules instead of the activation functions that were replaced.

It is part of the model and not a way to watch it: `torch.compile` and `torch.export` trace through it, and it costs
about two microseconds for every PyTorch function that the module calls.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Mapping
from types import CodeType, FrameType
from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode, _get_current_function_mode, _get_current_function_mode_stack

from ...core.errors import UnsupportedError
from ...watching import kinds
from ...watching.callers import find_hooked, find_owner, has_own_gradient, is_recomputed
from ...watching.places import Locator
from ...watching.replaced import Calls, replaced_calls
from ...watching.watcher import Frame
from .uncompiled import Uncompiled

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


class Interception(TorchFunctionMode):
    """A context in which calls of activation functions by `owner` are replaced, by their number from 0.

    Args:
        owner: the module whose own calls are replaced; those of modules inside it are not.
        calls: the activations by number of the call.
        nested: whether modules inside `owner` call activation functions too.
        skipped: numbers of calls that rewritten methods make of activations themselves.
        within: the code around the context, which is looked at no further.
    """

    def __init__(
        self,
        owner: nn.Module,
        calls: Calls,
        nested: bool,
        skipped: frozenset[int] = frozenset(),
        within: CodeType | None = None,
    ) -> None:
        super().__init__()
        self.owner, self.calls, self.nested, self.skipped, self.within = owner, calls, nested, skipped, within
        self.number = 0

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        kind = kinds.identify(func, args, kwargs) if func in kinds.FUNCTIONS else None
        if kind is None or (self.nested and not self._is_called_by_owner(func)):
            return func(*args, **kwargs)
        if not torch.compiler.is_compiling() and _is_no_call_of_its_own(sys._getframe(1), self.within):
            return func(*args, **kwargs)
        while self.number in self.skipped:
            self.number += 1
        activation, wanted = self.calls.at(self.number), self.calls.kinds.get(self.number, kind)
        self.number += 1
        if activation is None or kind != wanted:
            return func(*args, **kwargs)
        if not torch.compiler.is_compiling() and is_recomputed(sys._getframe(1), self.within):
            raise UnsupportedError(
                f"this {type(self.owner).__name__} calls swapped functions that the code does not tell apart under "
                "activation checkpointing, which repeats them without the module around them, where they cannot be "
                "counted; make each activation a module of its own before the swap, or checkpoint a whole module"
            )
        return activation(kinds.tensor_of(args, kwargs))

    def check_traced(self) -> None:
        """Make sure that `torch.fx` did not hide calls from the count, as it hides those of methods such as `x.relu()`.

        Raises:
            UnsupportedError: fewer calls were seen than have activations.
        """
        if self.number <= max((int(number) for number in self.calls._modules), default=-1):
            raise UnsupportedError(
                f"torch.fx hides calls of methods, such as x.relu(), which this {type(self.owner).__name__} counts to "
                "tell its activation functions apart; use torch.export, or make each activation a module of its own "
                "before the swap"
            )

    def _is_called_by_owner(self, func: Any) -> bool:
        """Return whether the call of a function that happens now is one of `owner`, as those that were counted were."""
        caller = sys._getframe(2)
        frame: FrameType | None = caller
        while frame is not None:
            if frame.f_code is nn.Module._call_impl.__code__:
                module = frame.f_locals["self"]
                if module is self.owner:
                    break
                if module in self._inside:
                    return False
            frame = frame.f_back
        return not _is_called_past(self.owner, self._inside, func, caller)

    @functools.cached_property
    def _inside(self) -> dict[nn.Module, str]:
        return {module: name for name, module in self.owner.named_modules()}


@Uncompiled
def _is_called_past(owner: nn.Module, inside: Mapping[nn.Module, str], func: Any, caller: FrameType) -> bool:
    """Return whether a module inside `owner` makes a call past its own, as in `self.part.encode(x)`."""
    module = find_owner(caller, owner, inside)
    return module is not owner and bool(Locator().locate(module, Frame(owner, 0), func, caller))


def _is_no_call_of_its_own(caller: FrameType, within: CodeType | None) -> bool:
    return has_own_gradient(caller) or find_hooked(caller, within) is not None


def is_intercepting(owner: nn.Module) -> bool:
    """Return whether calls of `owner` are being replaced just now, in this thread."""
    top = _get_current_function_mode()
    if isinstance(top, Interception) and top.owner is owner:
        return True
    return any(isinstance(mode, Interception) and mode.owner is owner for mode in _get_current_function_mode_stack())


def is_quiet(module: nn.Module) -> bool:
    """Return whether no module inside this one calls activation functions, as convolutions and norms do not."""
    replaced = set(replaced_calls(module).modules())
    inside = (inner for inner in module.modules() if inner is not module and inner not in replaced)
    return all(
        type(inner).__module__.startswith("torch.nn.") and any(word in type(inner).__name__ for word in _QUIET)
        for inner in inside
    )
