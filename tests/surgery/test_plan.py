"""Plans are data: read back, applied to another instance, undone, and refused where they do not fit."""

from __future__ import annotations

import json

import pytest
import torch
from torch import Tensor, nn

from rectifiers.core.errors import ConfigError
from rectifiers.surgery import NothingToSwapError, plan_swap, swap
from rectifiers.surgery.plan import SwapPlan, history


def net() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(4, 5, 3), nn.ReLU6())


@pytest.mark.parametrize("to", ["pvlu", "prelu", "convrelu"])
def test_a_plan_read_back_from_json_does_the_same_to_another_instance(to: str) -> None:
    x = torch.randn(2, 3, 12, 12)
    first, second = net(), net()
    plan = plan_swap(first, to, example=x, where="first")
    assert SwapPlan.from_json(plan.to_json()) == plan
    plan.apply(first)
    SwapPlan.from_json(plan.to_json()).apply(second)
    assert [*first.state_dict()] == [*second.state_dict()]
    assert torch.equal(first(x), second(x))


def test_planning_changes_nothing() -> None:
    model = net()
    before = repr(model)
    plan_swap(model, "pvlu", example=(1, 3, 12, 12))
    assert repr(model) == before
    assert not history(model)


def test_a_plan_for_another_model_changes_nothing_of_this_one() -> None:
    plan = plan_swap(net(), "pvlu", example=(1, 3, 12, 12))
    other = net()[:4]
    before = repr(other)
    with pytest.raises(ConfigError, match=r"no module '4'"):
        plan.apply(other)
    assert repr(other) == before


class Reused(nn.Module):
    """One ReLU for two calls, under two names unless `other` takes one of them; a function besides."""

    def __init__(self, other: nn.Module | None = None) -> None:
        super().__init__()
        self.act = nn.ReLU()
        self.layer, self.alias = nn.Linear(4, 4), other or self.act

    def forward(self, x: Tensor) -> Tensor:
        return self.act(self.layer(self.act(x))).relu()


def test_a_plan_that_does_not_fit_leaves_no_trace() -> None:
    plan = plan_swap(Reused(), "pvlu", example=(1, 4))
    other = Reused(nn.Tanh())
    history(other)
    before = [(name, type(module), sorted(vars(module))) for name, module in other.named_modules()]
    with pytest.raises(ConfigError, match="'alias' is not the module"):
        plan.apply(other)
    assert [(name, type(module), sorted(vars(module))) for name, module in other.named_modules()] == before


@pytest.mark.parametrize(
    ("text", "message"), [("", "not a plan"), ("[]", "not a plan"), ('{"version": 99}', "version 99")]
)
def test_what_is_no_plan_is_refused(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        SwapPlan.from_json(text)


@pytest.mark.parametrize("key", ["model", "changes", "edits", "notes"])
def test_a_damaged_plan_is_refused(key: str) -> None:
    data = json.loads(plan_swap(net(), "pvlu", example=(1, 3, 12, 12)).to_json())
    del data[key]
    with pytest.raises(ConfigError, match=f"the plan is damaged: KeyError '{key}'"):
        SwapPlan.from_json(json.dumps(data))


def test_a_report_holds_the_model_that_it_is_about() -> None:
    model = net()
    assert swap(model, "pvlu", example=(1, 3, 12, 12)).model is model


def test_swaps_are_reverted_last_first() -> None:
    model = net()
    first = swap(model, "pvlu", example=(1, 3, 12, 12), where="first")
    second = swap(model, "pvlu", example=(1, 3, 12, 12), where="last")
    with pytest.raises(ConfigError, match="later swap"):
        first.revert()
    second.revert()
    first.revert()
    assert repr(model) == repr(net())


def test_nothing_to_swap_is_an_error_that_says_what_there_is() -> None:
    with pytest.raises(NothingToSwapError, match="it has relu, relu6"):
        swap(net(), "pvlu", example=(1, 3, 12, 12), from_="gelu")
