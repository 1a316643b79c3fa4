"""What goes along with a widening: the optimizer's state, saving, freezing."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from rectifiers.core.errors import UnsupportedError
from rectifiers.surgery import base_state_dict, load, save, swap

SHAPE = (4, 3, 8, 8)


class Net(nn.Module):
    """Whose widened layers have new channels at the end, in the middle, and in every group."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.side, self.act = nn.Conv2d(3, 4, 3), nn.Conv2d(3, 4, 3), nn.ReLU()
        self.norm, self.plain = nn.BatchNorm2d(8), nn.Conv2d(8, 4, 3)
        self.last, self.grouped, self.head = nn.ReLU(), nn.Conv2d(4, 4, 1, groups=2), nn.Linear(64, 2)

    def forward(self, x: Tensor) -> Tensor:
        both = torch.cat([self.act(self.first(x)), self.side(x)], 1)
        return self.head(self.grouped(self.last(self.plain(self.norm(both)))).flatten(1))


def step(model: nn.Module, optimizer: torch.optim.Optimizer, x: Tensor) -> None:
    optimizer.zero_grad()
    model(x).square().sum().backward()
    optimizer.step()


@pytest.mark.parametrize("name", ["SGD", "Adam", "RMSprop"])
def test_training_goes_on_at_the_old_places_as_without_the_swap(name: str) -> None:
    torch.manual_seed(0)
    settings = {"SGD": {"momentum": 0.9}}.get(name, {})
    model = Net().double()
    optimizer = getattr(torch.optim, name)(model.parameters(), lr=1e-3, **settings)
    inputs = [torch.randn(SHAPE).double() for _ in range(4)]
    for x in inputs[:2]:
        step(model, optimizer, x)
    alone = copy.deepcopy(model)
    other = getattr(torch.optim, name)(alone.parameters(), lr=1e-3, **settings)
    other.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    report = swap(model, "crelu", example=inputs[0], optimizer=optimizer)
    migration = report.applied.migration
    assert migration is not None
    assert migration.widened == ("norm.weight", "norm.bias", "plain.weight", "grouped.weight")
    assert migration.reset == ()
    assert report.check is not None
    assert report.check.difference < 1e-12
    # One step: from the second on the new weights are no longer zero.
    step(model, optimizer, inputs[2])
    step(alone, other, inputs[2])
    middle, phases = [0, 1, 2, 3, 8, 9, 10, 11], [0, 1]
    for new, old in (
        (model.first.weight, alone.first.weight),
        (model.head.weight, alone.head.weight),
        (model.norm.weight[middle], alone.norm.weight),
        (model.plain.weight[:, middle], alone.plain.weight),
        (model.grouped.weight[:, phases], alone.grouped.weight),
    ):
        torch.testing.assert_close(new, old, rtol=1e-9, atol=1e-12)


def test_comes_back_from_a_folder_and_refuses_the_way_to_the_unswapped_model(tmp_path: Path) -> None:
    model, x = Net(), torch.randn(SHAPE)
    swap(model, "crelu", example=x)
    save(model, tmp_path)
    assert torch.equal(load(tmp_path, Net).eval()(x), model.eval()(x))
    with pytest.raises(UnsupportedError, match="of the shape that the unswapped one needs"):
        base_state_dict(model, drop_learned=True)


def test_snapshot_brings_back_what_was_widened() -> None:
    model, x = Net(), torch.randn(SHAPE)
    optimizer = torch.optim.Adam(model.parameters())
    step(model, optimizer, x)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    report = swap(model, "crelu", example=x, optimizer=optimizer, snapshot=True)
    step(model, optimizer, x)
    report.revert()
    after = model.state_dict()
    assert [*after] == [*before]
    assert all(torch.equal(after[name], before[name]) for name in before)
    step(model, optimizer, x)
