"""The provider that is always there: formulas as composite PyTorch."""

from __future__ import annotations

from torch import Tensor

from . import dispatch
from .provider import Provider, State


class Reference(Provider):
    """Takes what nobody else takes, or everything if it is chosen."""

    name = "reference"
    priority = 0
    has_operators = False

    def takes(self, x: Tensor, insisted: bool) -> bool:
        """Whether an input is this provider's to run: any."""
        return True

    def load(self) -> State:
        """There is nothing to load."""
        return State(description=self.name)

    def state(self, formula: str, warn: bool) -> State:
        """Every formula has a reference."""
        return State(frozenset({formula}), "reference, composite PyTorch, as chosen")


dispatch.register(Reference())
