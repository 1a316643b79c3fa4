"""Inputs that are infinite on purpose, such as masked scores, keep what ReLU gave there."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import rectifiers
from rectifiers.activations import registry
from rectifiers.surgery import find_sites, swap
from rectifiers.surgery.plan import SwapPlan

X = (2, 5, 4)
RELU_LIKE = [
    name
    for name in registry.names()
    if registry.get(name).spec.kind == "elementwise" and registry.get(name).spec.relu_start != "none"
]


class Attention(nn.Module):
    """Attention with ReLU in place of softmax, over the past alone."""

    def __init__(self, act: nn.Module | None = None, limit: float = -torch.inf) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.query, self.key, self.act, self.limit = nn.Linear(4, 4), nn.Linear(4, 4), act or nn.ReLU(), limit

    def forward(self, x: Tensor) -> Tensor:
        scores = self.query(x) @ self.key(x).mT
        future = torch.ones(scores.shape[-2:], dtype=torch.bool).triu(1)
        return self.act(scores.masked_fill(future, self.limit)) @ x


@pytest.mark.parametrize("share", ["layer", "channel", "element"])
@pytest.mark.parametrize("to", RELU_LIKE)
def test_outputs_and_gradients_stay_finite(to: str, share: str) -> None:
    model = Attention()
    before = model(torch.ones(X))
    (site,) = find_sites(model, X)
    assert site.infinite
    report = swap(model, to, example=X, share=share, channel_dim=1)
    if registry.get(to).spec.relu_start == "exact":
        assert report.check.identical
        torch.testing.assert_close(model.eval()(torch.ones(X)), before)
    model.train()(torch.randn(X)).square().sum().backward()
    assert all(parameter.grad.isfinite().all() for parameter in model.parameters() if parameter.grad is not None)
    assert "is not a number" not in str(report)


def test_plus_infinity_stays_and_has_the_gradient_of_relu() -> None:
    model = nn.Sequential(nn.Identity(), nn.ReLU())
    x = torch.tensor([[torch.inf, -torch.inf, 2.0, -1.0, torch.nan]])
    report = swap(model, "pvlu", example=x, channel_dim=1)
    assert report.check.identical
    assert (
        "1: gives what ReLU gave where its input is infinite, as on the example, in two to five times the time"
        in str(report)
    )
    x.requires_grad_()
    y = model(x)
    assert y[0, 0] == torch.inf
    assert y[0, 4].isnan()
    assert torch.autograd.grad(y[0, :4].sum(), x)[0][0, :4].tolist() == [1.0, 0.0, 1.0, 0.0]


def test_learned_functions_are_what_they_are_where_inputs_are_finite() -> None:
    model = nn.Sequential(nn.Identity(), nn.ReLU())
    swap(model, "pvlu", example=torch.tensor([[torch.inf, 1.0]]), share="layer")
    with torch.no_grad():
        model[1].alpha.fill_(0.5)
    other = rectifiers.PVLU(share="layer", alpha=0.5, beta=float(model[1].beta.detach()))
    x = torch.tensor([[0.3, -2.0]])
    assert torch.equal(model(x), other(x))


def test_finite_examples_get_no_guard() -> None:
    model = Attention(limit=-1e4)
    report = swap(model, "pvlu", example=X, channel_dim=1)
    assert type(model.act) is rectifiers.PVLU
    assert "infinite" not in str(report)


def test_functions_that_give_the_same_need_no_guard() -> None:
    model = Attention()
    swap(model, "adarelu", example=X, channel_dim=1)
    assert type(model.act) is registry.get("adarelu")


@pytest.mark.parametrize(
    ("act", "arguments"), [(nn.ReLU(), {"relu_like": False}), (nn.Hardtanh(), {"from_": "hardtanh"})]
)
def test_what_does_not_start_at_relu_is_said_to_be_no_number(act: nn.Module, arguments: dict[str, object]) -> None:
    report = swap(Attention(act), "pvlu", example=X, channel_dim=1, **arguments)
    assert "is not a number where its input is infinite, as on the example" in str(report)


def test_plans_with_guards_are_written_down_saved_and_copied(tmp_path: Path) -> None:
    model = Attention()
    plan = swap(model, "pvlu", example=X, channel_dim=1).plan
    assert SwapPlan.from_json(plan.to_json()) == plan
    rectifiers.save(model, tmp_path)
    x = torch.randn(X)
    for other in (rectifiers.load(tmp_path, Attention), copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert torch.equal(other(x), model(x))
        assert other(x).isfinite().all()


def test_a_cap_holds_at_infinity() -> None:
    model = nn.Sequential(nn.Identity(), nn.ReLU6())
    assert swap(model, "pvlu", example=torch.tensor([[torch.inf, -torch.inf, 9.0]])).check.identical
    assert model(torch.tensor([[torch.inf, -torch.inf, 9.0]])).tolist() == [[6.0, 0.0, 6.0]]
