"""Plans are data: read back, applied to another instance, undone, and refused where they do not fit."""

from __future__ import annotations

import copy
import json
import math
import random
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from rectifiers.core.errors import ConfigError, RectifiersError
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


def contents(model: nn.Module) -> list[object]:
    """All that modules hold, in its order, and the bits of their tensors."""

    def written(value: object) -> object:
        if isinstance(value, dict):
            return [(key, id(part), written(part)) for key, part in value.items()]
        return value.detach().numpy().tobytes() if isinstance(value, Tensor) else repr(value)

    return [(name, type(module), written(vars(module))) for name, module in model.named_modules()]


def damaged(data: Any, draw: random.Random) -> Any:
    """The same plan with one leaf, somewhere, replaced by something that does not belong there."""
    if isinstance(data, dict | list) and data:
        keys = list(data) if isinstance(data, dict) else list(range(len(data)))
        key = draw.choice(keys)
        copied = copy.copy(data)
        if draw.random() < 0.1:
            del copied[key]
        else:
            copied[key] = damaged(data[key], draw)
        return copied
    return draw.choice([None, -1, 0, 2**40, 1.5, "", "nobody", "1", [], [1], {}, {"a": 1}, True, math.nan])


@pytest.mark.parametrize("to", ["pvlu", "convrelu", "crelu", "selu"])
def test_damaged_plans_are_named_and_leave_the_model_as_it_was(to: str) -> None:
    draw = random.Random(0)
    plan = json.loads(plan_swap(net(), to, example=(1, 3, 12, 12), compensate=to == "selu").to_json())
    model = net()
    history(model)
    before = contents(model)
    applied = refused = 0
    for _ in range(150):
        edits = {**plan, "edits": damaged(plan["edits"], draw)}
        try:
            SwapPlan.from_json(json.dumps(edits)).apply(model).revert()
            applied += 1
        except RectifiersError:
            refused += 1
        assert contents(model) == before
    assert applied > 2
    assert refused > 20


def test_an_edit_that_fails_half_way_is_undone() -> None:
    model = net()
    history(model)
    before = contents(model)
    data = json.loads(plan_swap(net(), "convrelu", example=(1, 3, 12, 12)).to_json())
    [edit for edit in data["edits"] if edit["kind"] == "fold"][-1]["threshold_init"] = "nobody"
    with pytest.raises(ConfigError, match="the plan is damaged: its edit 'fold' failed: TypeError"):
        SwapPlan.from_json(json.dumps(data)).apply(model)
    assert contents(model) == before


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"channels": 10**12}, "at most 67,108,864 learned numbers"),
        ({"share": "element", "channels": [4096] * 3}, "at most 67,108,864 learned numbers"),
        ({"channels": "many"}, "channels must be positive integers, got 'many'"),
    ],
)
def test_a_plan_cannot_ask_for_more_memory_than_a_model_has(options: dict[str, object], message: str) -> None:
    data = json.loads(plan_swap(net(), "pvlu", example=(1, 3, 12, 12)).to_json())
    data["edits"][0]["recipe"]["settings"] = options
    with pytest.raises(ConfigError, match=message):
        SwapPlan.from_json(json.dumps(data)).apply(net())


@pytest.mark.parametrize("text", ["[" * 10**5, "1" * 5000, '{"version": 1, "edits": ' + "[" * 10**5])
def test_text_that_is_nested_too_deeply_is_no_plan(text: str) -> None:
    with pytest.raises(ConfigError, match="not a plan"):
        SwapPlan.from_json(text)


def test_a_plan_is_saved_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = plan_swap(net(), "pvlu", example=(1, 3, 12, 12))
    plan.save(tmp_path / "plan.json")
    assert SwapPlan.from_json((tmp_path / "plan.json").read_text()) == plan

    def fail(path: Path, content: bytes) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", fail)
    with pytest.raises(ConfigError, match=r"cannot write .*plan\.json: No space left on device"):
        plan_swap(net(), "prelu", example=(1, 3, 12, 12)).save(tmp_path / "plan.json")
    assert SwapPlan.from_json((tmp_path / "plan.json").read_text()) == plan
    assert [path.name for path in tmp_path.iterdir()] == ["plan.json"]


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


def test_a_plan_replaces_nothing_but_activations() -> None:
    plan = plan_swap(nn.Sequential(nn.Linear(4, 4), nn.ReLU()), "prelu", example=(1, 4))
    for other in (nn.Linear(4, 4), nn.Dropout(), nn.Sequential(nn.ReLU())):
        model = nn.Sequential(nn.Linear(4, 4), other)
        with pytest.raises(ConfigError, match=f"'1' is a {type(other).__name__} in this Sequential, and no activation"):
            plan.apply(model)
        assert model[1] is other
