"""An activation that gives at infinite inputs what ReLU gives there."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .derived import Derived, derive_class


class Unbounded(Derived):
    """A base that is put in front of an activation's class: f(x) where x is finite, ReLU(x) where it is infinite.

    Many functions that start at ReLU are undefined there, as 0·sin(∞) is not. For inputs that are infinite on purpose,
    such as masked scores; takes two to five times as long as f alone.
    """

    def forward(self, input: Tensor) -> Tensor:
        """Apply the activation."""
        infinite = input.isinf()
        return torch.where(infinite, input.relu(), super().forward(input.masked_fill(infinite, 0.0)))


def allow_infinite(activation: nn.Module) -> nn.Module:
    """Let `activation` give at infinite inputs what ReLU gives there; return it."""
    if not isinstance(activation, Unbounded):
        activation.__class__ = unbounded_class(type(activation))
    return activation


def unbounded_class(base: type[nn.Module]) -> type[nn.Module]:
    """Make the class of an activation of class `base` for inputs that may be infinite."""
    return derive_class(Unbounded, base, unbounded_class)
