"""The state dict of a swapped model, for the model as it was."""

from __future__ import annotations

import copy
import pickle

import pytest
import torch
from torch import Tensor, nn

from rectifiers.core.errors import UnsupportedError
from rectifiers.surgery import anneal, base_state_dict, swap


class Net(nn.Module):
    """With a PReLU that is used twice, so that a swap moves it, and a tied weight."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.act, self.norm = nn.Conv2d(3, 3, 3, padding=1), nn.PReLU(), nn.BatchNorm2d(3)
        self.last, self.same, self.relu = nn.Conv2d(3, 3, 3, padding=1), nn.Conv2d(3, 3, 3, padding=1), nn.ReLU()
        self.same.weight = self.last.weight

    def forward(self, x: Tensor) -> Tensor:
        return self.same(self.relu(self.last(self.act(self.norm(self.act(self.conv(x)))))))


SHAPE = (2, 3, 8, 8)


@pytest.mark.parametrize("to", ["pvlu", "prelu", "adarelu", "arelu", "comb", "apl", "convrelu", "swish"])
def test_loads_back_into_the_unswapped_model(to: str) -> None:
    model, x = Net(), torch.randn(SHAPE)
    y = model.eval()(x)
    swap(model, to, example=x)
    base = base_state_dict(model)
    original = Net()
    assert [*base] == [*original.state_dict()]
    original.load_state_dict(base, strict=True)
    assert torch.equal(original.eval()(x), y)


def test_a_module_that_a_swap_moved_gets_its_old_name() -> None:
    model, x = Net(), torch.randn(SHAPE)
    swap(model, "pvlu", example=x, from_="prelu", where=0)
    swap(model, "pvlu", example=x)
    assert "act.original.weight" in model.state_dict()
    base = base_state_dict(model)
    assert base["act.weight"].data_ptr() == model.act.original.weight.data_ptr()
    Net().load_state_dict(base, strict=True)


@pytest.mark.parametrize("to", ["pvlu", "convrelu"])
def test_what_was_learned_is_dropped_on_request_alone(to: str) -> None:
    model = Net()
    swap(model, to, example=SHAPE)
    with torch.no_grad():
        {"pvlu": lambda: model.relu.alpha, "convrelu": lambda: model.same.threshold}[to]().add_(0.1)
    with pytest.raises(UnsupportedError, match=r"(relu\.alpha|same\.threshold).* would be lost.*drop_learned=True"):
        base_state_dict(model)
    Net().load_state_dict(base_state_dict(model, drop_learned=True), strict=True)


def test_functions_that_start_elsewhere_count_as_learned() -> None:
    model = Net()
    swap(model, "pvlu", example=SHAPE, relu_like=False)
    with pytest.raises(UnsupportedError, match="would be lost"):
        base_state_dict(model)
    swap(model, lambda channels: nn.Conv2d(channels, channels, 1), example=SHAPE, from_="prelu", where=0)
    with pytest.raises(UnsupportedError, match=r"act\.0\.weight.*would be lost"):
        base_state_dict(model)


def test_weights_that_are_gone_are_named() -> None:
    model = Net()
    swap(model, "pvlu", example=SHAPE, from_="prelu", share_calls=True)
    with pytest.raises(UnsupportedError, match=r"the swapped Net has no act\.weight of the shape"):
        base_state_dict(model, drop_learned=True)


def test_weights_of_another_shape_are_named() -> None:
    model = Net()
    swap(model, "pvlu", example=SHAPE)
    model.relu = nn.Identity()
    model.conv = nn.Sequential(model.conv)
    with pytest.raises(UnsupportedError, match=r"has no conv\.weight and conv\.bias"):
        base_state_dict(model)


def test_copies_remember_and_reverting_forgets() -> None:
    model = Net()
    report = swap(model, "pvlu", example=SHAPE)
    for copied in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert [*base_state_dict(copied)] == [*Net().state_dict()]
    report.revert()
    assert [*base_state_dict(model)] == [*model.state_dict()]
    model.added = nn.Linear(1, 1)
    assert "added.weight" in base_state_dict(model)


def test_what_was_annealed_is_no_longer_what_was_there() -> None:
    net, x = nn.Sequential(nn.Linear(4, 4), nn.SiLU(), nn.Linear(4, 2)), torch.randn(3, 4)
    keys = [*net.state_dict()]
    annealing = anneal(net, example=x, steps=2, distil=False)
    assert [*base_state_dict(net)] == keys
    annealing.step()
    with pytest.raises(UnsupportedError, match=r"1\.reached would be lost, and the unswapped Sequential would compute"):
        base_state_dict(net)
    assert [*base_state_dict(net, drop_learned=True)] == keys
