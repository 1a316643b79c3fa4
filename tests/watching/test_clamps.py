"""Bare clamps: activations between layers, and nothing of the kind elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from rectifiers import diagnose
from rectifiers.activations import PVLU
from rectifiers.surgery import NothingToSwapError, find_sites, plan_swap, swap
from rectifiers.surgery.plan import SwapPlan


class Parts(nn.Module):
    """A network with a ReLU, and a clamp wherever `body` puts it."""

    def __init__(self, body: Callable[[Any, Tensor], Tensor]) -> None:
        super().__init__()
        self.conv, self.norm, self.relu = nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU()
        self.next, self.pool, self.drop = nn.Conv2d(4, 4, 1), nn.AdaptiveAvgPool2d(1), nn.Dropout()
        self.gamma, self.head, self.body = nn.Parameter(torch.ones(4, 1, 1)), nn.Linear(4, 4), body

    def forward(self, x: Tensor) -> Tensor:
        return self.body(self, self.relu(self.conv(x)))


def kinds(body: Callable[[Any, Tensor], Tensor]) -> list[str]:
    return [site.kind for site in find_sites(Parts(body), (2, 3, 6, 6))]


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (lambda m, x: m.next(m.norm(m.next(x)).clamp(0, 6)), "relu6"),
        (lambda m, x: m.next(m.norm(m.next(x)).clamp(min=0)), "relu"),
        (lambda m, x: m.pool((x + m.norm(x)).clamp_min(0)), "relu"),
        (lambda m, x: m.next((m.norm(x) * m.gamma + x).clamp(min=0)), "relu"),
        (lambda m, x: m.next(m.drop(m.next(x).bfloat16().clamp(min=0)).float()), "relu"),
        (lambda m, x: m.head(m.pool(m.next(x)).flatten(1).clip(min=0)), "relu"),
        (lambda m, x: m.next(m.next(x).clip_(0)), "relu"),
        (lambda m, x: m.head(F.threshold(m.next(x), 0, 0).mean((2, 3))), "relu"),
        (lambda m, x: m.next(torch.cat([m.next(x)[:, :2].contiguous(), x[:, 2:]], 1).add(m.norm(x)).clamp(0)), "relu"),
        (lambda m, x: m.norm(m.next(m.next(x).clamp(min=0))).clamp(min=0), "relu"),
        (lambda m, x: m.next(F.pad(m.next(x).clamp(min=0), (1, 1))), "relu"),
        (lambda m, x: m.next(m.next(x).clamp(0, 1)), "hardtanh"),
    ],
)
def test_clamps_between_layers_are_activations(body: Callable[[Any, Tensor], Tensor], kind: str) -> None:
    found = kinds(body)
    assert found[0] == "relu"
    assert set(found[1:]) == {kind}


@pytest.mark.parametrize(
    "body",
    [
        lambda m, x: m.head(m.next(x).mean((2, 3))).clamp(min=0),
        lambda m, x: (x[..., 2:] - x[..., :-2]).clamp(min=0).prod(-1),
        lambda m, x: torch.cdist(x.flatten(2), x.flatten(2)).square().clamp(min=0).sqrt(),
        lambda m, x: (x.square().sum(1) - 2 * x.mean(1)).clamp_min(0).sqrt(),
        lambda m, x: x / x.sum(1, keepdim=True).clamp(min=0),
        lambda m, x: m.next(x.div(2).clamp(0, 6)),
        lambda m, x: m.next(x) * m.next(x).sigmoid().clip(min=0),
        lambda m, x: m.next(x.matmul(x.transpose(2, 3)).clamp(min=0)),
        lambda m, x: F.threshold(m.next(x), 0, 0).exp(),
        lambda m, x: F.l1_loss(m.next(x).clamp(min=0), x),
    ],
)
def test_other_clamps_are_listed_and_taken_on_request_only(body: Callable[[Any, Tensor], Tensor]) -> None:
    model, x = Parts(body).eval(), torch.randn(2, 3, 6, 6)
    assert "clamp" in kinds(body)
    assert set(kinds(body)[1:]) <= {"clamp", "sigmoid"}
    before = model(x)
    report = swap(model, "pvlu", example=x, relu_like=False)
    assert [change.site for change in report.plan.changes] == ["relu"]
    assert (
        "(clamp): a bare clamp, which may not be an activation; it is replaced only on request: from_='clamp'"
        in str(report)
    )
    report.revert()
    asked = swap(model, "pvlu", example=x, from_="clamp", channel_dim=1)
    assert [(change.was, change.start) for change in asked.plan.changes] == [("clamp", "exact")]
    torch.testing.assert_close(model(x), before, equal_nan=True)
    assert len([module for module in model.modules() if isinstance(module, PVLU)]) == 1
    assert SwapPlan.from_json(asked.plan.to_json()) == asked.plan


def test_a_cap_of_a_bare_clamp_is_kept() -> None:
    model = Parts(lambda m, x: (5 * m.next(x)).clamp(0, 0.5))
    report = swap(model, "prelu", example=(2, 3, 6, 6), from_="clamp")
    assert report.check.identical
    assert "keeps the cap at 0.5" in str(report)
    assert plan_swap(model, "adarelu", example=(2, 3, 6, 6), from_="relu").left == ()


def test_a_bare_clamp_by_name_has_to_be_asked_for_by_kind() -> None:
    model = Parts(lambda m, x: m.next(x).clamp(min=0))
    with pytest.raises(NothingToSwapError, match=r":clamp is a bare clamp, .* only on request: from_='clamp'"):
        plan_swap(model, "pvlu", example=(2, 3, 6, 6), where=":clamp")
    assert len(plan_swap(model, "pvlu", example=(2, 3, 6, 6), where=":clamp", from_="clamp").changes) == 1
    assert plan_swap(model, "pvlu", example=(2, 3, 6, 6), where="first").left == ()


class Clamp(nn.Module):
    """A module that is a clamp and nothing else."""

    def forward(self, x: Tensor) -> Tensor:
        return x.clamp(min=0)


def test_a_module_that_is_a_clamp_is_an_activation_behind_a_layer() -> None:
    assert [site.kind for site in find_sites(nn.Sequential(nn.Linear(4, 4), Clamp()), (2, 4))] == ["relu"]
    assert [site.kind for site in find_sites(nn.Sequential(nn.Softmax(1), Clamp()), (2, 4))] == ["clamp"]
    assert [site.kind for site in find_sites(nn.Sequential(nn.Softmax(1), nn.Threshold(0, 0)), (2, 4))] == ["relu"]


class Words(nn.Module):
    """Clamps its indices."""

    def __init__(self, clamp: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.embedding, self.layer, self.last, self.clamp = nn.Embedding(9, 4), nn.Linear(4, 8), nn.Linear(8, 2), clamp

    def forward(self, words: Tensor) -> Tensor:
        return self.last(F.relu(self.layer(self.embedding(self.clamp(words)))))


@pytest.mark.parametrize(
    "clamp",
    [lambda i: i.clamp(min=0), F.relu, lambda i: torch.clamp(i, 0, 6), lambda i: i.clone().clamp_(min=0)],
)
def test_integers_are_no_activations(clamp: Callable[[Tensor], Tensor]) -> None:
    model, words = Words(clamp), torch.tensor([[-1, 3]])
    (site,) = find_sites(model, (words,))
    assert site.shape == (1, 2, 8)
    before = model(words)
    report = swap(model, "pvlu", example=(words,))
    assert report.check.identical
    assert report.plan.left == ()
    assert torch.equal(model(words), before)
    with torch.no_grad():
        next(module for module in model.modules() if isinstance(module, PVLU)).alpha.fill_(0.5)
    assert not torch.equal(model(words), before)
    report.revert()
    assert [health.name for health in diagnose(model, [(words,)]).sites] == [site.name]


class Scaled(nn.Module):
    """Rectifies a parameter."""

    def __init__(self, shape: tuple[int, ...], rectify: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.layer, self.scale, self.rectify = nn.Linear(4, 8), nn.Parameter(torch.ones(shape)), rectify

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.layer(x)) * self.rectify(self.scale)


@pytest.mark.parametrize("to", ["pvlu", "crelu", "arelu"])
@pytest.mark.parametrize(
    ("shape", "rectify", "reason"),
    [
        ((), F.relu, "single number"),
        ((), lambda t: (t * 2).relu(), "single number"),
        ((8,), torch.relu, "a parameter"),
        ((), lambda t: t.clamp(min=0), "bare clamp"),
    ],
)
def test_parameters_and_single_numbers_are_left(
    shape: tuple[int, ...], rectify: Callable[[Tensor], Tensor], reason: str, to: str
) -> None:
    model = nn.Sequential(Scaled(shape, rectify), nn.Linear(8, 2))
    plan = plan_swap(model, to, example=(2, 4))
    assert any(reason in left.reason for left in plan.left)
    if to != "crelu":
        assert len(plan.changes) == 1
        assert swap(model, to, example=(2, 4)).check is not None


@pytest.mark.parametrize(
    "bounds", [{"min": torch.zeros(4, 1, 1)}, {"min": torch.zeros(()), "max": torch.ones(4, 1, 1)}]
)
def test_a_clamp_between_computed_bounds_is_no_activation(bounds: dict[str, Any]) -> None:
    """As in the routing of Phi's experts."""
    assert kinds(lambda m, x: m.next(m.norm(m.next(x)).clamp(**bounds))) == ["relu"]
