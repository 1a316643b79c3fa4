"""The checks as a library: what is right passes, what is broken is named, and what cannot be tried says why."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import rectifiers
from rectifiers.core.adapting import adapt
from rectifiers.core.errors import ConfigError, UnknownNameError
from rectifiers.testing import check
from rectifiers.testing.checks import CHECKS

Write = Callable[..., Path]


def gate(x: Tensor) -> Tensor:
    """x·tanh x."""
    return x * torch.tanh(x)


class Gate(nn.Module):
    """x·σ(a·x), in any dtype."""

    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Parameter(torch.tensor(1.0))

    def forward(self, x: Tensor) -> Tensor:
        return (x * torch.sigmoid(self.a * x.to(self.a.dtype))).to(x.dtype)


class PerChannel(nn.Module):
    """x·σ(a·x) with an a per channel."""

    def __init__(self, channels: int = 4) -> None:
        super().__init__()
        self.a = nn.Parameter(torch.linspace(0.5, 1.5, channels))

    def forward(self, x: Tensor) -> Tensor:
        a = self.a.view(1, -1, *[1] * (x.ndim - 2))
        return (x * torch.sigmoid(a * x.to(a.dtype))).to(x.dtype)


class Rising(PerChannel):
    """a·x + tanh x, which rises in each channel, with an a per channel."""

    def forward(self, x: Tensor) -> Tensor:
        a = self.a.view(1, -1, *[1] * (x.ndim - 2))
        return (a * x.to(a.dtype) + torch.tanh(x.to(a.dtype))).to(x.dtype)


class Learned(nn.Module):
    """PReLU with a slope per channel, by PyTorch's function, which refuses other numbers of channels."""

    def __init__(self, channels: int = 4) -> None:
        super().__init__()
        self.a = nn.Parameter(torch.full((channels,), 0.25))

    def forward(self, x: Tensor) -> Tensor:
        return torch.prelu(x.to(self.a.dtype), self.a).to(x.dtype)


def failed(thing: Any) -> dict[str, str]:
    return {one.title: one.detail for one in check(thing, price=False).failed}


@pytest.mark.parametrize("thing", ["arelu", "crelu", "rrelu", "convrelu2d"])
def test_functions_of_this_library_pass(thing: str) -> None:
    assert failed(thing) == {}


def test_no_generator_of_a_gpu_is_seeded(monkeypatch: pytest.MonkeyPatch) -> None:
    seeded: list[int] = []
    monkeypatch.setattr(torch.cuda, "manual_seed_all", seeded.append)
    for thing in ("mlp", torch.optim.SGD):
        check(thing, price=False)
    assert not seeded


def test_a_plain_module_and_a_formula_pass() -> None:
    assert failed(Gate) == {}
    assert failed(rectifiers.elementwise("where(x > 0, x, a*(exp(x) - 1))", a=1.0)) == {}
    assert failed(rectifiers.elementwise("x*where(x > 0, 1, 0.1)")) == {}
    assert failed(gate) == {}


def test_plain_modules_with_channels_are_looked_at_with_their_channels() -> None:
    for cls, monotone, kinks in ((PerChannel, False, ()), (Rising, True, ()), (Learned, True, (0.0,))):
        found = check(cls, price=False)
        assert found.failed == (), found
        assert {one.title for one in found.outcomes if one.state == "passed"} >= {"monotone as the spec says"}
        spec = adapt(cls, "mine", "here").spec
        assert (spec.monotone, spec.kinks) == (monotone, kinks)


class Detached(nn.Module):
    """The second factor is kept from the derivative."""

    def forward(self, x: Tensor) -> Tensor:
        return x * torch.sigmoid(x).detach()


class InPlace(nn.Module):
    """Writes over its input."""

    def forward(self, x: Tensor) -> Tensor:
        with torch.no_grad():
            x.abs_()
        return x * 1.0


class Idle(nn.Module):
    """One parameter does nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Parameter(torch.tensor(1.0)), nn.Parameter(torch.tensor(1.0))

    def forward(self, x: Tensor) -> Tensor:
        return (self.a * x + 0 * self.b).to(x.dtype)


class Swallows(nn.Module):
    """NaN becomes zero."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.nan_to_num(x).tanh()


class Branches(nn.Module):
    """Its graph depends on the numbers."""

    def forward(self, x: Tensor) -> Tensor:
        return x.tanh() if float(x.detach().abs().sum()) > -1 else x


class Identity(nn.Module):
    """What comes out is what went in."""

    def forward(self, x: Tensor) -> Tensor:
        return x


class Drifts(nn.Module):
    """Off by a little, but in double precision."""

    def forward(self, x: Tensor) -> Tensor:
        return x.tanh() + (0 if x.dtype == torch.float64 else 0.1)


@pytest.mark.parametrize(
    ("cls", "title", "detail"),
    [
        (Detached, "gradients, against finite differences", "GradcheckError: Jacobian mismatch"),
        (InPlace, "the input stays as it is", "the input is changed"),
        (Idle, "every parameter learns", "b is not trained"),
        (Swallows, "NaN is passed on", "NaN is swallowed"),
        (Branches, "torch.compile", ""),
        (Branches, "vmap", ""),
        (Identity, "the output has memory of its own", "the input itself comes out"),
        (Drifts, "float32, against float64", "the relative error in torch.float32 is"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_what_is_broken_is_named(cls: type[nn.Module], title: str, detail: str) -> None:
    found = failed(cls)
    assert title in found
    assert detail in found[title]
    assert all("\n" not in text for text in found.values())


def test_what_the_spec_rules_out_and_what_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    there = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "onnx" else there(name))
    states = {one.title: (one.state, one.detail) for one in check("rrelu", price=False).outcomes}
    assert states["ONNX"][0] in ("not tried", "cannot")
    outcomes = {one.title: one for one in check("arelu", price=False).outcomes}
    assert (outcomes["ONNX"].state, outcomes["ONNX"].detail) == (
        "not tried",
        'needs onnx; install "rectifiers[onnx]"',
    )


def test_the_page_tells_marks_cost_and_sum() -> None:
    found = check("relu")
    text = str(found)
    assert "✓ gradients, against finite differences" in text
    assert "× nn.ReLU" in text
    assert found.price is not None
    assert found.price.bytes_kept == 0
    assert text.splitlines()[-1] == found.verdict
    assert found.verdict.startswith(f"{len(found.outcomes)} checks: ")
    assert found.to_dict()["ok"] is True


def test_networks_data_sets_and_augmentations() -> None:
    for thing in ("digits-conv", "digits", "flip", "crop"):
        found = check(thing)
        assert found.failed == ()
        assert len(found.outcomes) == len(CHECKS[found.kind])


BROKEN_NET = '''
from torch import nn


class Net(nn.Module):
    """Does not ask how many channels come out."""

    def __init__(self, act, *, shape, classes):
        super().__init__()
        self.spare = act(3)
        self.layers = nn.Sequential(nn.Flatten(), nn.Linear(64, 8), act(8), nn.Linear(8, classes))

    def forward(self, x):
        return self.layers(x)
'''
BROKEN_DATA = '''
import torch
from rectifiers.datasets import Dataset, Split


def shuffled():
    """Other data each time."""
    images = torch.randint(0, 255, (8, 1, 4, 4), dtype=torch.uint8)
    split = Split(images, torch.arange(8) % 2)
    return Dataset("mine", split, split, ("a", "b"))
'''


def test_broken_networks_and_data_sets(own_file: Write) -> None:
    net = failed(f"{own_file(BROKEN_NET, 'net.py')}")
    assert net["its activations are asked for and called"].startswith("1 of the 2 activations")
    assert "networks.blocks.activate says" in net["activations that double the channels"]
    data = failed(f"{own_file(BROKEN_DATA, 'data.py')}")
    assert "shuffle and split by a fixed seed" in data["the same data each time"]
    assert data["test data are not training data"] == "training and test data are the same"


def test_what_cannot_be_checked(own_file: Write) -> None:
    with pytest.raises(ConfigError, match=r"expected a module class .*; of a module give its class"):
        check(nn.ReLU())
    with pytest.raises(UnknownNameError, match="did you mean arelu"):
        check("arelo")
    with pytest.raises(ConfigError, match="is not Python"):
        check(f"{own_file('x = (')}:Mine")


def test_a_report_shows_itself_in_a_notebook() -> None:
    html = check(gate, price=False)._repr_html_()
    assert "✓" in html
    assert "checks: " in html
