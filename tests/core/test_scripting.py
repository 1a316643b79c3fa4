"""`torch.jit.script` gets an error that says what to do."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import rectifiers
from rectifiers.core.errors import UnsupportedError

pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit:FutureWarning", "ignore:`torch.jit")


class Functional(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner, self.outer = nn.Linear(4, 8), nn.Linear(8, 2)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.outer(F.relu(self.inner(x)))
        return y


class Residual(nn.Sequential):
    """It goes through its own children."""

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(x + super().forward(x)).sum(1)


@pytest.mark.parametrize("to", ["pvlu", "prelu", "relu"])
@pytest.mark.parametrize(
    "make",
    [
        lambda: nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 2)),
        lambda: nn.Sequential(nn.Linear(4, 4), nn.ReLU6(), nn.Linear(4, 2)),
        Functional,
        lambda: Residual(nn.Linear(4, 4)),
    ],
)
def test_swapped_models_say_what_to_do(make: type[nn.Module], to: str) -> None:
    net = make()
    rectifiers.swap(net, to, example=(1, 4))
    with pytest.raises(UnsupportedError, match=r"torch\.jit\.script reads .*; use torch\.jit\.trace or torch\.export"):
        torch.jit.script(net)
    x = torch.randn(3, 4)
    assert torch.equal(torch.export.export(net, (x,)).module()(x), net(x))


def test_convolutions_with_thresholds_say_so_too() -> None:
    with pytest.raises(UnsupportedError, match=r"ConvReLU2d: torch\.jit\.script"):
        torch.jit.script(nn.Sequential(rectifiers.ConvReLU2d(3, 3, 1)))
