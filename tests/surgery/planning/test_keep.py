"""Models that write in place over what an activation read or made: outputs and gradients stay right."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import rectifiers
from rectifiers import kernels
from rectifiers.activations import create, registry
from rectifiers.core.errors import UnsupportedError
from rectifiers.surgery import NothingToSwapError, find_sites, swap
from rectifiers.surgery.edits.recipe import Recipe
from rectifiers.surgery.inserted.kept import Kept
from rectifiers.surgery.plan import SwapPlan
from rectifiers.surgery.planning.keep import find_saved

X = (2, 3, 5, 5)
NAMES = [name for name in registry.names() if registry.get(name).spec.kind == "elementwise"]
Write = Callable[[Tensor, Tensor], Any]


def plus(x: Tensor, y: Tensor) -> Tensor:
    x += y
    return x


def part(x: Tensor, y: Tensor) -> None:
    x[:, :2] = y[:, 2:]


def into_view(x: Tensor, y: Tensor) -> None:
    x.flatten(1).add_(y.flatten(1))


def through_list(x: Tensor, y: Tensor) -> None:
    torch._foreach_add_([x], [y])


def masked(x: Tensor, y: Tensor) -> None:
    x.masked_fill_(y > 0, 0.5)


WRITES: list[Write] = [plus, Tensor.add_, Tensor.mul_, Tensor.copy_, part, into_view, through_list, masked]


class Net(nn.Module):
    """Writes over the input or the output of its activation, or computes the same out of place."""

    def __init__(self, over: str, write: Write, act: nn.Module, *, inplace: bool = True) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first, self.act, self.last = nn.Conv2d(3, 4, 1), act, nn.Conv2d(4, 4, 3, padding=1)
        self.over, self.write, self.inplace = over, write, inplace

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x)
        y = self.act(x)
        target = x if self.over == "input" else y
        if not self.inplace:
            target = target.clone()
        self.write(target, self.last(y if self.over == "input" else x))
        return self.last(target)


def gradients(model: nn.Module) -> list[Tensor]:
    model.zero_grad()
    model(torch.linspace(-2, 2, 150).reshape(X)).square().sum().backward()
    return [parameter.grad for parameter in model.parameters() if parameter.grad is not None]


@pytest.mark.parametrize("over", ["input", "output"])
@pytest.mark.parametrize("to", NAMES)
def test_every_function_trains_where_the_model_writes_in_place(over: str, to: str) -> None:
    models = [
        Net(over, plus, nn.GELU() if over == "output" else nn.ReLU(), inplace=inplace) for inplace in (True, False)
    ]
    for model in models:
        torch.manual_seed(1)
        swap(model, to, from_=("relu", "gelu"), example=X)
        model.eval()
    assert torch.equal(*(model(torch.ones(X)) for model in models))
    for mine, expected in zip(*map(gradients, models), strict=True):
        torch.testing.assert_close(mine, expected)


@pytest.mark.parametrize("over", ["input", "output"])
@pytest.mark.parametrize("write", WRITES)
@pytest.mark.parametrize("to", ["pvlu", "prelu", "arelu"])
def test_every_way_to_write_in_place_is_seen(over: str, write: Write, to: str) -> None:
    act = nn.GELU() if over == "output" else nn.ReLU()
    model, other = (Net(over, write, copy.deepcopy(act), inplace=inplace) for inplace in (True, False))
    for net in (model, other):
        swap(net, to, from_=("relu", "gelu"), example=X)
    for mine, expected in zip(gradients(model), gradients(other), strict=True):
        torch.testing.assert_close(mine, expected)


@pytest.mark.parametrize("over", ["input", "output"])
def test_prelu_goes_on_training_when_it_saves_something_else(over: str) -> None:
    act = nn.GELU() if over == "output" else nn.ReLU()
    models = [Net(over, plus, copy.deepcopy(act), inplace=inplace) for inplace in (True, False)]
    for model in models:
        swap(model, "prelu", from_=("relu", "gelu"), example=X)
    for slope in (-0.1, 0.0, 0.1):
        for model in models:
            nn.init.constant_(model.act.a, slope)
        for mine, expected in zip(*map(gradients, models), strict=True):
            torch.testing.assert_close(mine, expected)


def test_the_plan_says_what_is_kept_and_what_it_costs() -> None:
    model = Net("input", plus, nn.ReLU())
    (site,) = find_sites(model, X)
    assert (site.input_overwritten, site.output_overwritten) == (True, False)
    report = swap(model, "pvlu", example=X)
    assert "act: keeps its input, because something else writes over it; that costs one copy in training" in str(report)
    assert report.check.identical
    assert "keeps_input" in repr(model.act)
    report.revert()
    assert type(model.act) is nn.ReLU


@pytest.mark.parametrize("to", ["pvlu", "elu", "gelu"])
def test_what_is_not_saved_is_not_copied(to: str) -> None:
    model = Net("output", plus, nn.GELU())
    swap(model, to, from_="gelu", example=X)
    assert isinstance(model.act, Kept) is (to == "elu" and find_saved(Recipe("elu"), X).output)
    untouched = nn.Sequential(nn.Conv2d(3, 4, 1), nn.ReLU(inplace=True), nn.BatchNorm2d(4), nn.ReLU())
    swap(untouched, to, example=X)
    assert not any(isinstance(module, Kept) for module in untouched.modules())


def test_nothing_is_copied_without_gradients() -> None:
    model = Net("input", plus, nn.ReLU())
    swap(model, "pvlu", example=X)
    seen = []
    model.act.register_forward_hook(lambda module, args, output: seen.append(args[0]))
    real = Tensor.clone
    calls = []
    Tensor.clone = lambda self, **kwargs: calls.append(1) or real(self, **kwargs)
    try:
        with torch.no_grad():
            model(torch.ones(X))
        assert calls == []
        model(torch.ones(X))
        assert calls == [1]
    finally:
        Tensor.clone = real


class Dropping(nn.Module):
    """Overwrites the output in training mode only."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(4, 8), nn.Linear(8, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(F.dropout(F.gelu(self.first(x)), 0.5, self.training, True))


def test_what_is_written_over_in_training_mode_only_is_seen() -> None:
    model = Dropping().train()
    swap(model, "arelu", from_="gelu", example=(3, 4))
    model(torch.randn(3, 4)).sum().backward()
    assert model.first.weight.grad is not None


@pytest.mark.parametrize("cap", ["keep", "drop"])
def test_a_capped_relu_is_kept_too(cap: Any) -> None:
    for over in ("input", "output"):
        model = Net(over, plus, nn.ReLU6())
        if over == "output":
            with pytest.raises(RuntimeError, match="modified by an inplace operation"):
                gradients(Net(over, plus, nn.ReLU()))
        other = Net(over, plus, nn.ReLU6(), inplace=False)
        for net in (model, other):
            swap(net, "prelu", example=X, cap=cap)
        for mine, expected in zip(gradients(model), gradients(other), strict=True):
            torch.testing.assert_close(mine, expected)


def test_plans_with_copies_are_written_down_saved_and_copied(tmp_path: Path) -> None:
    model = Net("input", plus, nn.ReLU())
    plan = swap(model, "pvlu", example=X).plan
    assert SwapPlan.from_json(plan.to_json()) == plan
    rectifiers.save(model, tmp_path)
    loaded = rectifiers.load(tmp_path, lambda: Net("input", plus, nn.ReLU()))
    for other in (loaded, copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert isinstance(other.act, Kept)
        for mine, expected in zip(gradients(other), gradients(model), strict=True):
            assert torch.equal(mine, expected)
    assert [*model.state_dict()] == [*loaded.state_dict()]


def test_a_function_of_the_user_is_kept_as_well() -> None:
    class Squared(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x * x

    model, other = (Net("input", plus, nn.ReLU(), inplace=inplace) for inplace in (True, False))
    for net in (model, other):
        swap(net, lambda channels: Squared(), example=X)
    assert isinstance(model.act, Kept)
    for mine, expected in zip(gradients(model), gradients(other), strict=True):
        torch.testing.assert_close(mine, expected)


def test_a_convrelu_does_not_read_what_is_written_over() -> None:
    class Written(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.act, self.last = nn.Conv2d(3, 4, 1), nn.ReLU(), nn.Conv2d(4, 4, 1)

        def forward(self, x: Tensor) -> Tensor:
            x = self.first(x)
            y = self.act(x)
            x += 1
            return self.last(y)

    with pytest.raises(NothingToSwapError, match="something else writes over its values"):
        swap(Written(), "convrelu", example=X)


@pytest.mark.parametrize("provider", ["auto", "reference"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("name", NAMES)
def test_what_a_function_is_said_to_save_covers_what_it_saves(name: str, dtype: torch.dtype, provider: str) -> None:
    said = find_saved(Recipe(name), (2, 3, 4))
    for like in (False, True):
        try:
            module = create(name, relu_like=like)
        except UnsupportedError:
            continue
        saved = set[int]()
        x = torch.randn(2, 3, 4).to(dtype).requires_grad_()

        def note(tensor: Tensor, saved: set[int] = saved) -> Tensor:
            saved.add(tensor.untyped_storage().data_ptr())
            return tensor

        with kernels.using(provider), torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
            y = module(x)
        assert (x.data_ptr() in saved) <= said.input
        assert (y.data_ptr() in saved) <= said.output
