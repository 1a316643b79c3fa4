"""Numbers of a stream of batches against those of all values at once."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from rectifiers.analysis.streaming import CrossProducts, Histogram, Moments

BATCHES = [
    torch.randn(size, 5, dtype=torch.float64) * 10**exponent + 7 for size, exponent in ((3, 0), (50, 2), (1, -3))
]


def test_moments_are_those_of_all_values_at_once() -> None:
    moments = Moments(5)
    for batch in BATCHES:
        moments.add(batch)
    whole = torch.cat(BATCHES)
    assert moments.count.tolist() == [54] * 5
    torch.testing.assert_close(moments.mean, whole.mean(0))
    torch.testing.assert_close(moments.variance, whole.var(0, correction=0))
    torch.testing.assert_close(
        torch.tensor(moments.pooled()).double(), torch.tensor([whole.mean(), whole.var(correction=0)]).double()
    )
    assert torch.equal(moments.low, whole.amin(0))
    assert torch.equal(moments.high, whole.amax(0))


def test_moments_keep_their_digits_far_from_zero() -> None:
    moments = Moments(1)
    for value in (1e9 + 4, 1e9 + 7, 1e9 + 13, 1e9 + 16):
        moments.add(torch.tensor([[value]], dtype=torch.float64))
    assert moments.variance.item() == 22.5


def test_moments_leave_out_what_is_not_finite() -> None:
    moments = Moments(2)
    moments.add(torch.tensor([[1.0, math.nan], [3.0, math.inf]]))
    assert moments.count.tolist() == [2, 0]
    assert moments.mean[0] == 2
    assert math.isnan(moments.variance[1])
    assert moments.pooled() == (2.0, 1.0)
    assert all(map(math.isnan, Moments(1).pooled()))


@pytest.mark.parametrize("order", [1, -1])
def test_a_histogram_counts_exactly_in_any_order(order: int) -> None:
    parts = [torch.randn(100) * 0.01, torch.randn(1000), torch.tensor([-5.0, 0.0, 4.0, math.nan, math.inf])][::order]
    histogram = Histogram(bins=16)
    for part in parts:
        histogram.add(part)
    whole = torch.cat(parts).double()
    whole = whole[whole.isfinite()]
    assert histogram.edges[[0, -1]].tolist() == [-8.0, 8.0]
    assert histogram.counts.tolist() == torch.histogram(whole, histogram.edges).hist.long().tolist()


def test_a_histogram_ignores_zeros_when_it_looks_for_its_range() -> None:
    histogram = Histogram(bins=4)
    histogram.add(torch.tensor([0.0, 0.3]))
    assert histogram.edges.tolist() == [-0.5, -0.25, 0.0, 0.25, 0.5]
    assert histogram.counts.tolist() == [0, 0, 1, 1]


def test_the_centre_of_a_histogram_leaves_out_the_tails() -> None:
    histogram = Histogram(bins=8)
    histogram.add(torch.tensor([-3.5] + [0.5] * 98 + [3.5]))
    assert histogram.centre(1.0) == (-4.0, 4.0)
    assert histogram.centre(0.9) == (0.0, 1.0)
    edges, counts = histogram.coarse(-4.0, 4.0, bins=4)
    assert edges == [-4.0, -2.0, 0.0, 2.0, 4.0]
    assert counts == [1, 0, 98, 1]


def cka(x: Tensor, y: Tensor) -> float:
    """Linear CKA by Gram matrices of all examples at once, as Kornblith et al. (2019) define it."""
    centre = torch.eye(len(x), dtype=torch.float64) - 1 / len(x)
    k, ell = centre @ x @ x.T @ centre, centre @ y @ y.T @ centre
    return float((k * ell).sum() / (k.norm() * ell.norm()))


def test_streamed_cka_is_that_of_gram_matrices() -> None:
    x = torch.randn(40, 6, dtype=torch.float64) + 3
    y = torch.cat([x[:, :2].relu(), torch.randn(40, 2, dtype=torch.float64)], 1)
    products = CrossProducts(6, 4)
    for start in range(0, 40, 7):
        products.add(x[start : start + 7], y[start : start + 7])
    assert products.cka == pytest.approx(cka(x, y), rel=1e-12)


def test_cka_does_not_see_rotations_and_scales() -> None:
    x = torch.randn(30, 4, dtype=torch.float64)
    rotation = torch.linalg.qr(torch.randn(4, 4, dtype=torch.float64))[0]
    products = CrossProducts(4, 4)
    products.add(x, -3 * x @ rotation + 5)
    assert products.cka == pytest.approx(1)


def test_cka_of_what_never_varies_is_nan() -> None:
    products = CrossProducts(1, 1)
    products.add(torch.ones(3, 1), torch.randn(3, 1))
    assert math.isnan(products.cka)


def test_joined_moments_are_those_of_all_values() -> None:
    values = torch.randn(50, 3, dtype=torch.float64) * torch.tensor([1.0, 2.0, 3.0]) + torch.tensor([0.0, 5.0, -1.0])
    values[3, 1] = math.nan
    moments, expected = Moments(3), Moments(1)
    moments.add(values)
    expected.add(values.reshape(-1, 1))
    joined = moments.joined()
    for name in ("count", "mean", "variance", "low", "high"):
        torch.testing.assert_close(getattr(joined, name), getattr(expected, name))
    assert Moments(3).joined().variance.isnan().all()
