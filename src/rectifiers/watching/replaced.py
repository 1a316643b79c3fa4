"""Calls that a swap has given activations of their own, as children of the module that makes them."""

from __future__ import annotations

from collections.abc import Mapping

from torch import nn

CHILD = "rectified"
"""Name of the child of a module that holds the activations of its function calls."""


class Calls(nn.Module):
    """The activations of one module's calls by number; a call without one stays what it was."""

    def __init__(self, activations: Mapping[int, nn.Module]) -> None:
        super().__init__()
        for number, activation in activations.items():
            self.add_module(str(number), activation)

    def at(self, number: int) -> nn.Module | None:
        """The activation of this call."""
        return self._modules.get(str(number))


def replaced_calls(module: nn.Module) -> Calls:
    """The calls of functions that were replaced in `module`; none in a module that no swap has touched."""
    calls = module._modules.get(CHILD)
    return calls if isinstance(calls, Calls) else Calls({})
