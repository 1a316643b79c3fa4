"""Identities between the functions, for any input."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from rectifiers import create
from rectifiers import functional as R

numbers = st.floats(-50, 50, allow_subnormal=False)
vectors = st.lists(numbers, min_size=1, max_size=12).map(lambda values: torch.tensor(values, dtype=torch.float64))
grids = st.tuples(st.integers(1, 3), st.integers(1, 4), st.integers(1, 3)).map(
    lambda sizes: torch.randn(sizes, generator=torch.Generator().manual_seed(hash(sizes) % 1000), dtype=torch.float64)
)


@given(vectors, st.floats(-5, 5), st.floats(-5, 5))
def test_arelu_has_two_slopes(x: Tensor, alpha: float, beta: float) -> None:
    positive = 1 + torch.sigmoid(torch.tensor(beta, dtype=torch.float64))
    expected = torch.where(x >= 0, positive * x, min(max(alpha, 0.01), 0.99) * x)
    torch.testing.assert_close(R.arelu(x, alpha, beta), expected)


@given(vectors, st.floats(0.01, 100))
def test_two_slopes_are_positively_homogeneous(x: Tensor, scale: float) -> None:
    torch.testing.assert_close(R.arelu(scale * x), scale * R.arelu(x))
    torch.testing.assert_close(R.prelu(scale * x), scale * R.prelu(x))


@given(vectors, numbers)
def test_adarelu_is_the_maximum(x: Tensor, theta: float) -> None:
    assert torch.equal(R.adarelu(x, theta), x.clamp(min=theta))


@given(vectors, numbers)
def test_adarelu_twice_is_adarelu(x: Tensor, theta: float) -> None:
    once = R.adarelu(x, theta)
    assert torch.equal(R.adarelu(once, theta), once)


@given(grids, st.integers(0, 2))
def test_crelu_loses_nothing(x: Tensor, channel_dim: int) -> None:
    positive, negative = R.crelu(x, channel_dim=channel_dim).chunk(2, dim=channel_dim)
    assert torch.equal(positive - negative, x)
    assert not (positive * negative).any()
    assert (positive >= 0).all()
    assert (negative >= 0).all()


@given(grids)
def test_avr_is_the_sum_of_the_halves_of_crelu(x: Tensor) -> None:
    positive, negative = R.crelu(x).chunk(2, dim=1)
    assert torch.equal(R.avr(x), positive + negative)
    assert torch.equal(R.avr(-x), R.avr(x))


@given(vectors, st.floats(-2, 2), st.floats(-3, 3))
def test_the_wave_is_odd(x: Tensor, alpha: float, beta: float) -> None:
    """f(x) − f(−x) = x + 2·α·sin βx, since max(0, x) − max(0, −x) = x."""
    difference = R.pvlu(x, alpha, beta) - R.pvlu(-x, alpha, beta)
    torch.testing.assert_close(difference, x + 2 * alpha * torch.sin(beta * x))


@given(st.floats(-1, 1), st.floats(-1, 1))
def test_pvlu_rises_for_positive_inputs_when_alpha_beta_is_at_most_one(alpha: float, beta: float) -> None:
    x = torch.linspace(0, 30, 3001, dtype=torch.float64)
    assert (R.pvlu(x, alpha, beta).diff() >= -1e-12).all()


@given(vectors)
def test_swish_gelu_and_softplus_mirror(x: Tensor) -> None:
    for function in (R.swish, R.gelu, R.softplus):
        torch.testing.assert_close(function(x) - function(-x), x)


@pytest.mark.parametrize("pieces", [1, 2, 4])
def test_maxout_is_the_maximum_of_consecutive_channels(pieces: int) -> None:
    x = torch.randn(3, 8, 5)
    out = R.maxout(x, pieces)
    for channel in range(8 // pieces):
        assert torch.equal(out[:, channel], x[:, channel * pieces : (channel + 1) * pieces].amax(1))


def test_crelu_with_a_widened_next_layer_equals_relu() -> None:
    """The weights of the second half at zero: the way a trained network takes CReLU in without a change."""
    x = torch.randn(2, 4, dtype=torch.float64)
    narrow = nn.Linear(4, 3, dtype=torch.float64)
    wide = nn.Linear(8, 3, dtype=torch.float64)
    with torch.no_grad():
        wide.weight.copy_(torch.cat([narrow.weight, torch.zeros_like(narrow.weight)], dim=1))
        wide.bias.copy_(narrow.bias)
    torch.testing.assert_close(wide(create("crelu")(x)), narrow(create("relu")(x)))
