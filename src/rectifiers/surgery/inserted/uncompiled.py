"""Functions that the compiler leaves alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, ParamSpec, TypeVar

import torch

P = ParamSpec("P")
T = TypeVar("T")


class Uncompiled(Generic[P, T]):
    """A function that `torch.compile` does not compile, nor what it calls.

    `torch.compiler.disable` loads the compiler, which takes a second; this does so at the first call.

    Args:
        function: the function.
    """

    def __init__(self, function: Callable[P, T]) -> None:
        self.function = function
        self._disabled: Callable[P, T] | None = None

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> T:
        """Call the function."""
        if self._disabled is None:
            self._disabled = torch.compiler.disable(self.function)
        return self._disabled(*args, **kwargs)
