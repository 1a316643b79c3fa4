"""An activation with an upper bound."""

from __future__ import annotations

from torch import Tensor, nn


class Capped(nn.Module):
    """min(f(x), cap): what replaces a capped ReLU, with f instead of ReLU."""

    def __init__(self, activation: nn.Module, cap: float) -> None:
        super().__init__()
        self.activation, self.cap = activation, cap

    def forward(self, input: Tensor) -> Tensor:
        """Apply the activation, and limit its values to the cap."""
        y: Tensor = self.activation(input)
        return y.clamp(max=self.cap)

    def extra_repr(self) -> str:
        """Return the cap."""
        return f"cap={self.cap:g}"
