"""Activations that are written out among other things are told of."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import rectifiers
from rectifiers.surgery.swap import NothingToSwapError


class Block(nn.Module):
    def __init__(self, act: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.inner, self.act, self.outer = nn.Linear(4, 8), act, nn.Linear(8, 4)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.outer(self.act(self.inner(x)))
        return y


def gelu(x: Tensor) -> Tensor:
    return x * 0.5 * (1.0 + torch.erf(x / math.sqrt(2.0)))


def gelu_tanh(x: Tensor) -> Tensor:
    return 0.5 * x * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


WRITTEN: list[tuple[Callable[[Tensor], Tensor], str, str]] = [
    (lambda x: x * torch.sigmoid(x), "swish", "x·sigmoid(x)"),
    (lambda x: x.mul(x.sigmoid()), "swish", "x·sigmoid(x)"),
    (lambda x: x * torch.sigmoid(1.702 * x), "quick_gelu", "x·sigmoid(a·x)"),
    (gelu, "gelu", "x·(1 + erf(…))/2"),
    (gelu_tanh, "gelu", "x·(1 + tanh(…))/2"),
    (lambda x: x * torch.tanh(F.softplus(x)), "mish", "x·tanh(softplus(x))"),
]


@pytest.mark.parametrize(("act", "kind", "formula"), WRITTEN)
def test_the_plan_says_what_is_written_out(act: Callable[[Tensor], Tensor], kind: str, formula: str) -> None:
    net = nn.Sequential(Block(act), nn.SiLU() if kind != "swish" else nn.GELU(), nn.Linear(4, 2))
    plan = rectifiers.plan_swap(net, "pau", from_=("gelu", "swish", "mish", "quick_gelu"), example=torch.randn(16, 4))
    assert [change.site for change in plan.changes] == ["1"]
    ((site, was, reason),) = [(left.site, left.was, left.reason) for left in plan.left]
    assert (site, was) == ("0", kind)
    assert f"written out as {formula}; put one function or module there" in reason


def test_it_is_told_where_nothing_else_could_be_swapped() -> None:
    with pytest.raises(NothingToSwapError, match=r"0: it is written out as x·\(1 \+ erf\(…\)\)/2; .* such as F.gelu"):
        rectifiers.swap(nn.Sequential(Block(gelu)), "pau", from_="gelu", example=(2, 4))


@pytest.mark.parametrize(
    "act",
    [
        lambda x: x * torch.sigmoid(x + 1),
        lambda x: x.flip(-1) * torch.sigmoid(x),
        lambda x: x + torch.sigmoid(x),
        lambda x: (1 + torch.tanh(x)) * 2,
        torch.sigmoid,
    ],
)
def test_gates_and_others_are_not_told_of(act: Callable[[Tensor], Tensor]) -> None:
    net = nn.Sequential(Block(act), nn.SiLU(), nn.GELU(), nn.Linear(4, 2))
    plan = rectifiers.plan_swap(net, "pau", from_=("gelu", "swish", "mish", "quick_gelu"), example=torch.randn(16, 4))
    assert not plan.left
