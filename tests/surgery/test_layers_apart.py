"""Layers that the example does not call, where those that it calls are adapted to what is put in."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from rectifiers import fold, plan_swap, swap

NOTE = "aux: not called on the example, and not adapted"


class Branches(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.act = nn.Conv2d(3, 4, 3), nn.ReLU()
        self.last, self.aux = nn.Conv2d(4, 2, 3), nn.Conv2d(4, 2, 3)

    def forward(self, x: Tensor, other: bool = False) -> Tensor:
        h: Tensor = self.act(self.first(x))
        y: Tensor = self.aux(h) if other else self.last(h)
        return y


X = torch.randn(1, 3, 9, 9, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(("name", "adapts"), [("convrelu", True), ("crelu", True), ("adarelu", False)])
def test_a_plan_that_adapts_layers_names_those_that_it_does_not_see(name: str, adapts: bool) -> None:
    assert any(note.startswith(NOTE) for note in plan_swap(Branches(), name, example=X).notes) == adapts


def test_a_fold_names_them_too() -> None:
    model = Branches()
    swap(model, "adarelu", example=X, start="published", init=0.5)
    report = fold(model, X)
    assert any(note.startswith(NOTE) for note in report.plan.notes)


def test_weights_that_are_read_without_a_call_are_seen() -> None:
    class Attends(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.act, self.last = nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 8)
            self.attention = nn.MultiheadAttention(8, 2, batch_first=True)

        def forward(self, x: Tensor) -> Tensor:
            h = self.last(self.act(self.first(x)))
            y: Tensor = self.attention(h, h, h)[0]
            return y

    assert not plan_swap(Attends(), "crelu", example=torch.randn(2, 5, 8)).notes
