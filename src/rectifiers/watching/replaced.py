"""The activations that a swap has given to single calls, kept in the module that makes these calls."""

from __future__ import annotations

import weakref
from collections.abc import Mapping, MutableMapping
from typing import Any

from torch import nn

from .kinds import plain_kind

CHILD = "rectified"
"""Name of a module's child that holds the activations of its function calls."""


class Calls(nn.Module):
    """The activations of one module's calls, by number of the call; a call without one stays what it was.

    Args:
        activations: the activations.
        kinds: which kind of function each of them is for, where the call alone tells it; another stays what it is.
    """

    kinds: Mapping[int, str] = {}
    """Also of modules that were pickled before there were any."""

    def __init__(self, activations: Mapping[int, nn.Module], kinds: Mapping[int, str] | None = None) -> None:
        super().__init__()
        self.kinds = dict(kinds or {})
        for number, activation in activations.items():
            self.add_module(str(number), activation)

    def join_when_replicated(self, replica: nn.Module) -> None:
        """Note a replica of the module that hides these activations; theirs is made later, in the same order."""
        _waiting.setdefault(self, []).append(weakref.ref(replica))

    def _replicate_for_data_parallel(self) -> Any:
        mine = super()._replicate_for_data_parallel()  # type: ignore[no-untyped-call, unused-ignore]
        waiting = _waiting.get(self, [])
        while waiting:
            # One that is gone was to be replicated in an attempt that failed.
            if (replica := waiting.pop(0)()) is not None:
                replica.__dict__[HIDDEN] = mine
                break
        return mine

    def at(self, number: int) -> nn.Module | None:
        """Return the activation of this call, or None."""
        return self._modules.get(str(number))

    def advance(self, ran: list[int], index: int, numbers: tuple[int | None, ...]) -> bool:
        """Count one more run of a place in a loop; return whether this run has an activation.

        Args:
            ran: how often each place has run in this call of its function.
            index: which of these places it is.
            numbers: the numbers of the activations, run by run.
        """
        ran[index] += 1
        return ran[index] <= len(numbers) and numbers[ran[index] - 1] is not None

    def current(self, ran: list[int], index: int, numbers: tuple[int | None, ...]) -> nn.Module:
        """Return the activation of the run that `advance` has counted."""
        activation = self._modules[str(numbers[ran[index] - 1])]
        assert activation is not None
        return activation

    def run(self, ran: list[int], index: int, numbers: tuple[int | None, ...]) -> int:
        """Count one more run, as `advance` does; return its number, −1 for a run that has none."""
        ran[index] += 1
        number = numbers[ran[index] - 1] if ran[index] <= len(numbers) else None
        return -1 if number is None else number

    def takes(self, func: Any, kind: str) -> bool:
        """Return whether a function that only the moment tells is one in whose place an activation of these goes."""
        return plain_kind(func) == kind


_waiting: MutableMapping[Calls, list[weakref.ref[nn.Module]]] = weakref.WeakKeyDictionary()
"""Replicas of modules that are to get a replica of what they hide."""

HIDDEN = "_rectified"
"""Attribute that holds them instead, in modules that go through their own children."""


def replaced_calls(module: nn.Module) -> Calls:
    """Return the activations of the function calls of `module`; empty if no swap has replaced any."""
    calls = module.__dict__.get(HIDDEN, module._modules.get(CHILD))
    return calls if isinstance(calls, Calls) else Calls({})
