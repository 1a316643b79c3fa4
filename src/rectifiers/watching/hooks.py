"""Hooks that stay behind where a model is copied or pickled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class OwnHook:
    """A hook of one model alone: those of its copies, such as a moving average, do nothing.

    Args:
        function: what it does.
    """

    def __init__(self, function: Callable[..., None] | None = None) -> None:
        self.function = function

    def __call__(self, *args: Any) -> None:
        """Do what it does, in the model that it was made for."""
        if self.function is not None:
            self.function(*args)

    def __deepcopy__(self, memo: Any) -> OwnHook:
        return OwnHook()

    def __reduce__(self) -> tuple[Any, ...]:
        return OwnHook, ()
