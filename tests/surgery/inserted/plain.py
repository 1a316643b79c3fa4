"""Models of two layers whose ReLUs become leaky ones, and what they compute then."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from rectifiers import swap

SLOPE = 0.5


def leaky(x: Tensor) -> Tensor:
    """What is swapped in everywhere here, as the oracle computes it."""
    return torch.where(x >= 0, x, SLOPE * x)


def leak(model: nn.Module, x: Any, **arguments: Any) -> None:
    swap(model, "prelu", example=x, relu_like=False, a=SLOPE, **arguments)


class Plain(nn.Module):
    """Calls `part` from `forward`."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(4, 4), nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        return self.part(x)

    def part(self, x: Tensor) -> Tensor:
        raise NotImplementedError

    def oracle(self, x: Tensor) -> Tensor:
        return leaky(self.b(leaky(self.a(x))))
