"""Functions that are added to what was there: outputs stay, what is added learns, and it is told from the function."""

from __future__ import annotations

import copy
import pickle

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import rectifiers
from rectifiers import find_sites, plan_swap, swap
from rectifiers.core.errors import ConfigError
from rectifiers.surgery.plan import SwapPlan
from rectifiers.surgery.swap import NothingToSwapError


class Functional(nn.Module):
    """SiLU as a function, between linear layers."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(4, 6), nn.Linear(6, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.b(F.silu(self.a(x)))


def make() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 6), nn.GELU(), nn.Linear(6, 6), nn.ELU(0.5), nn.Linear(6, 2))


X = torch.linspace(-3, 3, 40).reshape(2, 5, 4)
KINDS = ["gelu", "elu"]


@pytest.mark.parametrize("name", ["pvlu", "prelu", "adarelu", "apl"])
def test_outputs_stay_and_what_is_added_learns(name: str) -> None:
    net = make()
    before = net(X)
    report = swap(net, name, example=X, from_=KINDS, start="added")
    assert [change.start for change in report.plan.changes] == ["exact", "exact"]
    assert torch.equal(net(X), before)
    assert [site.kind for site in find_sites(net, X)] == [name, name]
    net(X).square().sum().backward()
    assert any(parameter.grad.any() for parameter in net[1].parameters())
    report.revert()
    assert isinstance(net[1], nn.GELU)
    assert torch.equal(net(X), before)


def test_the_values_are_those_of_the_equation() -> None:
    net = make()
    swap(net, "pvlu", example=X, from_="gelu", start="added")
    x = torch.linspace(-4, 4, 12).reshape(2, 6)
    net[1].channel_dim = 1
    with torch.no_grad():
        net[1].alpha.fill_(0.25)
        net[1].beta.fill_(2.0)
    torch.testing.assert_close(net[1](x), F.gelu(x) + 0.25 * (2 * x).sin())
    assert "added to gelu" in repr(net[1])


def test_one_that_starts_near_relu_starts_near_what_was_there() -> None:
    report = swap(make(), "arelu", example=X, from_="gelu", start="added")
    assert [change.start for change in report.plan.changes] == ["near"]
    assert report.plan.changes[0].becomes == "gelu + AReLU"


def test_functions_that_are_called_are_kept_too() -> None:
    torch.manual_seed(0)
    net = Functional()
    before = net(X)
    swap(net, "prelu", example=X, from_="silu", start="added")
    assert torch.equal(net(X), before)


def test_copies_pickles_and_written_plans_keep_what_stays() -> None:
    net = make()
    plan = plan_swap(net, "pvlu", example=X, from_=KINDS, start="added")
    plan.apply(net)
    with torch.no_grad():
        net[3].alpha.fill_(0.5)
    for other in (copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        assert torch.equal(other(X), net(X))
    again = make()
    SwapPlan.from_json(plan.to_json()).apply(again)
    again.load_state_dict(net.state_dict())
    assert torch.equal(again(X), net(X))


@pytest.mark.parametrize("name", ["relu", "crelu", "convrelu", "elu", "swish"])
def test_functions_without_anything_to_add_are_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="start='added' adds to what is there what a function learns beyond ReLU"):
        plan_swap(make(), name, example=X, from_="gelu", start="added")


def test_a_start_of_ones_own_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"start='added' decides where PVLU starts, and so does alpha"):
        plan_swap(make(), "pvlu", example=X, from_="gelu", start="added", alpha=0.1)


def test_what_is_not_known_stays() -> None:
    with pytest.raises(NothingToSwapError, match="a ReLU needs neither"):
        swap(nn.Sequential(nn.Linear(4, 2), nn.ReLU()), "pvlu", example=X, start="added")


def test_nothing_takes_it_for_the_function_alone() -> None:
    net = make()
    swap(net, "prelu", example=X, from_="gelu", start="added")
    folded = rectifiers.fold(net, X)
    assert "added to gelu, which is not made of two straight pieces" in str(folded)
    with pytest.raises(NothingToSwapError, match="PReLU is added to gelu here"):
        rectifiers.anneal(net, example=X, steps=2, from_="prelu")


class Sloped(nn.Module):
    """Leaky ReLU as a function, whose slope is the model's."""

    def __init__(self, slope: float) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.a, self.b, self.slope = nn.Linear(4, 4), nn.Linear(4, 2), slope

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.b(F.leaky_relu(self.a(x), self.slope))
        return out


def test_the_plan_names_the_numbers_that_are_fixed() -> None:
    note = "leaky_relu keeps negative_slope=0.2, even if the model changes that later"
    (change,) = plan_swap(Sloped(0.2), "pvlu", example=X, from_="leaky_relu", start="added").changes
    assert change.note == note
    (change,) = rectifiers.anneal(Sloped(0.2), example=X, steps=2, from_="leaky_relu").report.plan.changes
    assert change.note == note
    net = nn.Sequential(nn.Linear(4, 6), nn.Softplus(2.0, 10.0), nn.Linear(6, 6), nn.GELU(), nn.Linear(6, 2))
    plan = plan_swap(net, "pvlu", example=X, from_=("softplus", "gelu"), start="added")
    assert [change.note for change in plan.changes] == [
        "softplus keeps beta=2 and threshold=10, even if the model changes that later",
        "",
    ]


class Called(nn.Module):
    """Calls the same block twice, which has another slope each time."""

    def __init__(self, *slopes: float) -> None:
        super().__init__()
        self.block, self.slopes = Sloped(0.0), slopes

    def forward(self, x: Tensor) -> Tensor:
        for slope in self.slopes:
            self.block.slope = slope
            out: Tensor = self.block(x)
            x = out.repeat_interleave(2, -1)
        return x


def test_what_is_given_another_number_each_time_stays() -> None:
    net = Called(0.2, 0.2)
    before = net(X)
    assert swap(net, "pvlu", example=X, from_="leaky_relu", start="added").check.identical
    assert torch.equal(net(X), before)
    with pytest.raises(NothingToSwapError, match="is none of the functions that can be kept"):
        swap(Called(0.2, 0.5), "pvlu", example=X, from_="leaky_relu", start="added")
