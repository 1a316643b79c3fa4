"""An activation with an upper bound."""

from __future__ import annotations

from torch import Tensor, nn


class Capped(nn.Module):
    """min(f(x), cap): what a capped ReLU becomes when its ReLU is replaced."""

    def __init__(self, activation: nn.Module, cap: float) -> None:
        super().__init__()
        self.activation, self.cap = activation, cap

    def forward(self, x: Tensor) -> Tensor:
        """Apply the function and cut at the cap."""
        y: Tensor = self.activation(x)
        return y.clamp(max=self.cap)

    def extra_repr(self) -> str:
        """The cap."""
        return f"cap={self.cap:g}"
