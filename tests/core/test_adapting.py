"""Plain modules as activations like all others."""

from __future__ import annotations

import gc
import weakref
from fractions import Fraction
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from rectifiers.activations import AReLU
from rectifiers.core.adapting import adapt, from_function
from rectifiers.core.errors import ConfigError, UnsupportedError
from rectifiers.core.learned import shaping_parameters
from rectifiers.core.spec import ActivationSpec


class Bent(nn.Module):
    """Two kinks and a learned slope."""

    def __init__(self, slope: float = 0.5) -> None:
        super().__init__()
        self.slope = nn.Parameter(torch.tensor([slope]))

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(x - 0.5) + self.slope * torch.relu(x + 1)


class Doubling(nn.Module):
    """As many channels again."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([x, -x], dim=1)


class PerChannel(nn.Module):
    """A factor per channel."""

    def __init__(self, channels: int = 4) -> None:
        super().__init__()
        self.a = nn.Parameter(torch.ones(channels, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        return self.a * x


class AtReLU(nn.Module):
    """Starts at ReLU on wish."""

    def __init__(self, relu_like: bool = False) -> None:
        super().__init__()
        self.a = nn.Parameter(torch.tensor([0.0 if relu_like else 0.25]))

    def forward(self, x: Tensor) -> Tensor:
        return torch.where(x > 0, x, self.a * x)


def describe(cls: type[nn.Module]) -> ActivationSpec:
    spec: Any = adapt(cls, "mine", "mine.py:Mine").spec
    assert isinstance(spec, ActivationSpec)
    return spec


def test_the_spec_is_what_can_be_seen() -> None:
    spec = describe(Bent)
    assert (spec.name, spec.title, spec.paper) == ("mine", "Bent", "mine.py:Mine")
    assert spec.equation == "Two kinks and a learned slope."
    assert [(one.name, one.init) for one in spec.parameters] == [("slope", 0.5)]
    assert spec.kinks == (-1.0, 0.5)
    assert (spec.kind, spec.monotone, spec.stochastic, spec.ranks) == ("elementwise", True, False, (1, None))


@pytest.mark.parametrize(
    ("function", "monotone", "kinks"),
    [(torch.tanh, True, ()), (torch.relu, True, (0.0,)), (torch.abs, False, (0.0,)), (torch.cos, False, ())],
)
def test_monotone_and_kinks(function: Any, monotone: bool, kinks: tuple[float, ...]) -> None:
    spec = describe(from_function(lambda x: function(x)))
    assert (spec.monotone, spec.kinks) == (monotone, kinks)


def test_kinds_and_channels() -> None:
    assert (describe(Doubling).kind, describe(Doubling).channel_factor) == ("channelwise", (2, 1))
    assert describe(Doubling).ranks == (2, None)
    assert describe(nn.Softmax2d).kind == "channelwise"
    assert describe(nn.Dropout).stochastic
    made: Any = adapt(Doubling, "mine", "here")()
    assert made.channel_factor == Fraction(2)


def test_the_constructor_takes_what_activations_take() -> None:
    made = adapt(Bent, "mine", "here")(channels=7, channel_dim=1, inplace=True, slope=0.25, dtype=torch.float64)
    assert (made.slope.dtype, made.slope.item()) == (torch.float64, 0.25)
    assert shaping_parameters(nn.Sequential(made)) == {made.slope}
    assert adapt(PerChannel, "mine", "here")(channels=7).a.shape == (7, 1, 1)


def test_starts_at_relu_where_the_class_can() -> None:
    assert describe(AtReLU).relu_start == "exact"
    x = torch.tensor([-1.0, 2.0])
    assert adapt(AtReLU, "mine", "here")(relu_like=True)(x).tolist() == [0, 2]
    with pytest.raises(UnsupportedError, match="relu_like=True is not possible"):
        adapt(Bent, "mine", "here")(relu_like=True)


def test_a_share_that_the_class_does_not_take_is_refused() -> None:
    with pytest.raises(ConfigError, match="Bent takes no share, got 'channel'"):
        adapt(Bent, "mine", "here")(share="channel")


def test_an_unknown_argument_is_refused_with_the_nearest() -> None:
    with pytest.raises(ConfigError, match="Bent: unknown argument 'slop'; did you mean slope"):
        adapt(Bent, "bent", "bent.py:Bent")(slop=0.25)
    with pytest.raises(ConfigError, match="Doubling: unknown argument 'slope'"):
        adapt(Doubling, "doubling", "doubling.py:Doubling")(slope=0.25)


def test_a_complete_class_stays_itself() -> None:
    assert adapt(AReLU, "mine", "here") is AReLU


class NeedsMore(nn.Module):
    def __init__(self, gain: float) -> None:
        super().__init__()
        self.gain = gain


class Flattens(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.flatten()


class Fails(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        raise RuntimeError("no\nway")


class OddSpec(nn.ReLU):
    spec = "odd"


@pytest.mark.parametrize(
    ("cls", "message"),
    [
        (NeedsMore, r"here: NeedsMore\(\) fails with TypeError: .*; give every argument of __init__ a default"),
        (Flattens, r"here: Flattens makes shape \(72,\) of a batch \(2, 4, 3, 3\); an activation keeps the shape"),
        (Fails, r"here: Fails fails on a batch of images \(2, 4, 3, 3\) with RuntimeError: no way; "),
        (OddSpec, r"here: the spec of OddSpec must be an ActivationSpec, got 'odd'"),
    ],
)
def test_what_is_no_activation_says_why(cls: type[nn.Module], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        adapt(cls, "mine", "here")


def test_the_class_of_a_function_lasts_as_long_as_it_is_used() -> None:
    def double(x: Tensor) -> Tensor:
        return 2 * x

    module, held = from_function(double)(), weakref.ref(double)
    assert from_function(double) is type(module)
    del module, double
    gc.collect()
    assert held() is None


def test_what_is_adapted_lasts_as_long_as_it_is_used() -> None:
    class Double(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return 2 * x

    adapted, held = adapt(Double, "double", "here"), weakref.ref(Double)
    assert adapt(Double, "double", "here") is adapted
    del adapted, Double
    for _ in range(2):  # The class that was made, then the one that it was made of.
        gc.collect()
    assert held() is None
