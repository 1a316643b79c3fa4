"""Calls that share one activation: those that compute the same function, and no others."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from rectifiers import PVLU, plan_swap, swap

X = torch.linspace(-3, 3, 32).reshape(8, 4)

Function = Callable[[Tensor], Tensor]


class Loop(nn.Module):
    """Two linear layers, each with a function behind it, called on one line."""

    def __init__(self, first: Function, second: Function) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layers = nn.ModuleList([nn.Linear(4, 4), nn.Linear(4, 4)])
        self.functions = first, second

    def forward(self, x: Tensor) -> Tensor:
        for layer, function in zip(self.layers, self.functions, strict=True):
            x = function(9 * layer(x))
        return x


class Slopes(nn.Module):
    """A function of two slopes on one line."""

    def __init__(self, function: Callable[[Tensor, float], Tensor], *slopes: float) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layers = nn.ModuleList([nn.Linear(4, 4), nn.Linear(4, 4)])
        self.function, self.slopes = function, slopes

    def forward(self, x: Tensor) -> Tensor:
        for layer, slope in zip(self.layers, self.slopes, strict=True):
            x = self.function(layer(x), slope)
        return x


def leaky(x: Tensor, slope: float) -> Tensor:
    return F.leaky_relu(x, slope)


def elu(x: Tensor, alpha: float) -> Tensor:
    return F.elu(x, alpha)


DIFFERENT: dict[str, tuple[nn.Module, str, dict[str, Any], str]] = {
    "a cap": (Loop(lambda x: F.relu(x), lambda x: F.relu6(x)), "pvlu", {}, "it is relu6 with cap 6 and .* is relu, so"),
    "a cap by a variable": (Loop(F.relu, F.relu6), "pvlu", {}, "it is relu6 with cap 6 and .* is relu, so"),
    "slopes, added": (
        Slopes(leaky, 0.1, 0.6),
        "pvlu",
        {"from_": "leaky_relu", "start": "added"},
        "it is leaky_relu with slope 0.6 and .* is leaky_relu with slope 0.1, so",
    ),
    "slopes, fitted": (Slopes(leaky, 0.1, 0.6), "prelu", {"from_": "leaky_relu"}, "with slope 0.6 and .* slope 0.1"),
    "numbers that a site does not have": (
        Slopes(elu, 1.0, 0.5),
        "pvlu",
        {"from_": "elu", "start": "added"},
        "it is another elu than",
    ),
    "kinds": (
        Loop(lambda x: F.gelu(x), lambda x: F.silu(x)),
        "pvlu",
        {"from_": ("gelu", "swish"), "start": "added"},
        "it is swish and .* is gelu",
    ),
    "forms of a kind": (
        Loop(lambda x: F.gelu(x), lambda x: F.gelu(x, approximate="tanh")),
        "pvlu",
        {"from_": "gelu", "start": "added"},
        "it is another gelu than",
    ),
}
"""Models that call two functions, what to put in and how, and why the second stays."""


@pytest.mark.parametrize("name", DIFFERENT)
def test_calls_of_different_functions_share_nothing(name: str) -> None:
    net, to, options, reason = DIFFERENT[name]
    before = net(X)
    report = swap(net, to, example=X, share_calls=True, **options)
    assert [change.start for change in report.plan.changes] == ["exact"]
    (left,) = report.plan.left
    assert re.search(reason, left.reason)
    assert "so that share_calls=True cannot share them" in left.reason
    torch.testing.assert_close(net(X), before)
    report.revert()


class Spelled(nn.Module):
    """One function in several spellings."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.c = nn.Linear(4, 4), nn.Linear(4, 4), nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = F.leaky_relu(self.a(x), 0.2)
        x = F.leaky_relu(self.b(x), negative_slope=0.2, inplace=True)
        return F.leaky_relu_(self.c(x), 0.2)


def test_calls_of_one_function_share_an_activation_however_they_are_written() -> None:
    net = Spelled()
    before = net(X)
    report = swap(net, "pvlu", example=X, from_="leaky_relu", start="added", share_calls=True)
    assert len(report.plan.changes) == 3
    assert not report.plan.left
    assert len([module for module in net.modules() if isinstance(module, PVLU)]) == 1
    assert torch.equal(net(X), before)


class Weighted(nn.Module):
    """PReLU as a function, of the same slopes or of others."""

    def __init__(self, *, same: bool) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(4, 4), nn.Linear(4, 4)
        self.slope, self.other = nn.Parameter(torch.full((1,), 0.25)), nn.Parameter(torch.full((1,), 0.5))
        self.same = same

    def forward(self, x: Tensor) -> Tensor:
        x = F.prelu(self.a(x), self.slope)
        return F.prelu(self.b(x), self.slope if self.same else self.other)


@pytest.mark.parametrize("same", [True, False])
def test_parameters_that_a_function_is_given_are_part_of_it(same: bool) -> None:
    plan = plan_swap(Weighted(same=same), "pvlu", example=X, from_="prelu", share_calls=True, start="published")
    assert len(plan.changes) == 1 + same
    assert ["another prelu" in left.reason for left in plan.left] == [True] * (not same)


class Overwritten(nn.Module):
    """A ReLU that writes over its input where that is read again, and one where it is not."""

    def __init__(self, *, inplace: bool) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.a, self.b, self.inplace = nn.Linear(4, 4), nn.Linear(4, 4), inplace

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.a(x), inplace=self.inplace)
        y = self.b(x)
        return F.relu_(y) - 2 * y


@pytest.mark.parametrize("inplace", [True, False])
def test_calls_that_share_write_over_their_inputs_as_they_did(inplace: bool) -> None:
    net = Overwritten(inplace=inplace)
    before = net(X)
    report = swap(net, "pvlu", example=X, share_calls=True)
    assert report.check.identical
    assert torch.equal(net(X), before)
    assert len(report.plan.changes) == 1 + inplace
    if not inplace:
        (left,) = report.plan.left
        assert left.reason.startswith("it writes over its input, where something else reads it, and :relu#1 does not")


class Later(nn.Module):
    """The model writes over the input of the second of two calls."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.c = nn.Linear(4, 4), nn.Linear(4, 4), nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        y = self.b(F.relu(self.a(x)))
        z = F.relu(y)
        y += 1
        out: Tensor = self.c(z + y)
        return out


def test_calls_that_share_keep_what_one_of_them_needs() -> None:
    net = Later()
    report = swap(net, "pvlu", example=X, share_calls=True)
    assert len(report.plan.changes) == 2
    assert report.check.identical
    net(X).sum().backward()
