"""The dtype of the parameters that a recipe makes."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from rectifiers.core.errors import ConfigError
from rectifiers.surgery import find_sites, plan_swap, swap
from rectifiers.surgery.edits.recipe import Recipe
from rectifiers.surgery.plan import SwapPlan


class Inside(nn.Module):
    """Casts by itself."""

    def __init__(self) -> None:
        super().__init__()
        self.inner, self.act, self.outer = nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        with torch.autocast("cpu", torch.bfloat16):
            return self.outer(self.act(self.inner(x)))


def dtypes(model: nn.Module) -> set[torch.dtype]:
    return {parameter.dtype for parameter in model.parameters()}


@pytest.mark.parametrize("to", ["pvlu", "apl", "prelu"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_autocast_does_not_narrow_the_parameters(to: str, dtype: torch.dtype) -> None:
    model = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 2)).to(dtype)
    with torch.autocast("cpu", torch.bfloat16):
        assert find_sites(model, (2, 4))[0].dtype is torch.bfloat16
        assert swap(model, to, example=(2, 4)).check.identical
    assert dtypes(model) == {dtype}


def test_autocast_inside_of_forward_does_not_narrow_the_parameters() -> None:
    model = Inside()
    assert swap(model, "pvlu", example=(2, 4)).check.identical
    assert dtypes(model) == {torch.float32}
    model(torch.randn(2, 4)).sum().backward()
    assert model.act.alpha.grad.dtype is torch.float32


def test_a_plan_made_inside_autocast_is_carried_out_in_the_models_own_dtype() -> None:
    with torch.autocast("cpu", torch.bfloat16):
        text = plan_swap(Inside(), "pvlu", example=(2, 4)).to_json()
    for dtype in (torch.float32, torch.float64):
        model = Inside().to(dtype)
        SwapPlan.from_json(text).apply(model)
        assert dtypes(model) == {dtype}


def test_the_nearest_weights_decide() -> None:
    model = nn.Sequential(nn.Sequential(nn.Linear(4, 4).double(), nn.Flatten()), nn.Linear(4, 4))
    assert {p.dtype for p in Recipe("pvlu", near="0.1").build(model).parameters()} == {torch.float64}
    assert {p.dtype for p in Recipe("pvlu", near="1").build(model).parameters()} == {torch.float32}
    assert {p.dtype for p in Recipe("pvlu", near="gone").build(model).parameters()} == {torch.float64}


def test_weights_of_few_bits_do_not_decide() -> None:
    model = nn.Linear(4, 4)
    model.weight = nn.Parameter(model.weight.to(torch.int8), requires_grad=False)
    model.bias = None
    recipe = Recipe("pvlu", dtype="bfloat16")
    assert {p.dtype for p in recipe.build(model).parameters()} == {torch.bfloat16}


def test_options_that_cannot_be_written_down_are_named() -> None:
    net = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 2))
    plan = swap(net, "prelu", example=(2, 4), a=nn.init.normal_).plan
    with pytest.raises(ConfigError, match=r"the plan puts in prelu with a=<function normal_.*cannot be written down"):
        plan.to_json()


def test_numbers_of_numpy_are_written_down() -> None:
    net = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 2))
    plans = [plan_swap(net, "prelu", example=(2, 4), a=a) for a in (np.float32(0.5), 0.5)]
    assert plans[0].to_json() == plans[1].to_json()
