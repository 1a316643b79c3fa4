"""The activations that a swap has given to single calls, kept in the module that makes these calls."""

from __future__ import annotations

from collections.abc import Mapping

from torch import nn

CHILD = "rectified"
"""Name of a module's child that holds the activations of its function calls."""


class Calls(nn.Module):
    """The activations of one module's calls, by number of the call; a call without one stays what it was."""

    def __init__(self, activations: Mapping[int, nn.Module]) -> None:
        super().__init__()
        for number, activation in activations.items():
            self.add_module(str(number), activation)

    def at(self, number: int) -> nn.Module | None:
        """Return the activation of this call, or None."""
        return self._modules.get(str(number))


def replaced_calls(module: nn.Module) -> Calls:
    """Return the activations of the function calls of `module`; empty if no swap has replaced any."""
    calls = module._modules.get(CHILD)
    return calls if isinstance(calls, Calls) else Calls({})
