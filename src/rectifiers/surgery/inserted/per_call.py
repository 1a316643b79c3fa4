"""What replaces a module that is called several times: an activation for each call."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from ...core.errors import UnsupportedError
from ...watching.replaced import Calls


class PerCall(Calls):
    """An activation for each call of a module within one call of its scope.

    Rewritten methods say which call it is; others are counted. It can be called from several threads, each of which
    counts for itself.

    Args:
        activations: the activations by number of the call.
        original: the module that was there, for all other calls.
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

    def begin(self, number: int = 0) -> int:
        """Count calls from `number`, where −1 ends the counting; return the number that would have come next."""
        if torch.compiler.is_dynamo_compiling():
            before, self.number = self.number, number
        else:
            before = getattr(self._count, "number", -1)
            self._count.number = number
        return before

    @property
    def is_counting(self) -> bool:
        """Whether calls are being counted just now, in this thread."""
        return bool(getattr(self._count, "number", -1) >= 0)

    def forward(self, input: Tensor, call: int | None = None) -> Tensor:
        """Apply the activation of this call.

        Args:
            input: what it is called on.
            call: the number of the call; None where it is counted.
        """
        if call is not None:
            return self._apply_call(call, input)
        if torch.compiler.is_dynamo_compiling():
            number = self.number
            self.number = number + 1
        else:
            number = getattr(self._count, "number", -1)
            self._count.number = number + 1
        if number < 0:
            self.begin(-1)
            raise UnsupportedError(
                f"{self.name} is called several times in a forward pass of {self.scope or 'the model'} and has an "
                "activation for each call; this call comes from outside it, and has none. Call "
                f"{self.scope or 'the model'} itself, or swap with share_calls=True"
            )
        return self._apply_call(number, input)

    def _apply_call(self, number: int, input: Tensor) -> Tensor:
        activation = self.at(number)
        # An empty `nn.Sequential` is false.
        y: Tensor = (self.original if activation is None else activation)(input)
        return y
