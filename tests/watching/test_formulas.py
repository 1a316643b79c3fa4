"""Modules that write an activation out by hand are activations."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import rectifiers
from rectifiers.watching.formulas import formula_kind
from rectifiers.watching.kinds import own_kind


class Swish(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x * torch.sigmoid(x)


class Erf(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x * 0.5 * (1.0 + torch.erf(x / math.sqrt(2.0)))


class Tanh(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return 0.5 * x * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * torch.pow(x, 3))))


class Quick(nn.Module):
    def __init__(self, scale: float = 1.702) -> None:
        super().__init__()
        self.scale = scale

    def forward(self, x: Tensor) -> Tensor:
        return x * (self.scale * x).sigmoid()


class Mish(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x * torch.tanh(F.softplus(x))


class HardSwish(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x * F.relu6(x + 3) / 6


WRITTEN = {Swish: "swish", Erf: "gelu", Tanh: "gelu", Quick: "quick_gelu", Mish: "mish", HardSwish: "hardswish"}


@pytest.mark.parametrize(("make", "kind"), WRITTEN.items())
def test_formulas_are_told_by_what_they_compute(make: type[nn.Module], kind: str) -> None:
    assert own_kind(make()) == kind


@pytest.mark.parametrize(("make", "kind"), WRITTEN.items())
def test_a_swap_replaces_the_whole_module(make: type[nn.Module], kind: str) -> None:
    net = nn.Sequential(nn.Linear(4, 8), make(), nn.Linear(8, 2))
    (site,) = rectifiers.find_sites(net, (2, 4))
    assert (site.name, site.kind, site.call) == ("1", kind, "module")
    report = rectifiers.swap(net, "pau", from_=kind, example=torch.randn(64, 4))
    assert isinstance(net[1], rectifiers.PAU)
    assert report.check is not None
    assert report.check.difference < 0.05
    report.revert()
    assert isinstance(net[1], make)


class Gate(nn.Module):
    """It reads two values."""

    def forward(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        return x * torch.sigmoid(x if y is None else y)


class Doubled(nn.Module):
    """Its formula is no known one."""

    def forward(self, x: Tensor) -> Tensor:
        return 2 * x * torch.sigmoid(x)


class Branching(nn.Module):
    """What it computes depends on the values."""

    def forward(self, x: Tensor) -> Tensor:
        return x * torch.sigmoid(x) if x.sum() > 0 else x


class Mean(nn.Module):
    """It is no function of single values."""

    def forward(self, x: Tensor) -> Tensor:
        return x * torch.sigmoid(x).mean()


class Counting(nn.Module):
    """It remembers its calls."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = 0

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        return x * torch.sigmoid(x)


@pytest.mark.parametrize("make", [Gate, Doubled, Branching, Mean, nn.SiLU, nn.Identity])
def test_other_modules_are_none(make: type[nn.Module]) -> None:
    assert formula_kind(make()) is None


def test_a_constant_of_the_object_counts() -> None:
    assert formula_kind(Quick(1.0)) == "swish"
    assert formula_kind(Quick(1.5)) is None


def test_parameters_make_it_another_function() -> None:
    module = Swish()
    assert formula_kind(module) == "swish"
    module.weight = nn.Parameter(torch.ones(1))
    assert formula_kind(module) is None


def test_the_module_is_left_as_it_was() -> None:
    module = Counting()
    assert formula_kind(module) == "swish"
    assert module.calls == 0
