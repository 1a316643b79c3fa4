"""Theorem 4.1 against a brute-force supremum, and where it holds or fails."""

from __future__ import annotations

import itertools
import math

import pytest
import torch

from rectifiers.analysis.inside.rademacher import rademacher_bound
from rectifiers.core.errors import ConfigError, DataError, ShapeError


def test_both_sides_against_enumeration_of_everything() -> None:
    values = torch.randn(3, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    left, right = [], []
    for signs in itertools.product((-1.0, 1.0), repeat=4):
        sigma = torch.tensor(signs, dtype=torch.float64)
        lengths = []
        for functions in itertools.product(values, repeat=2):
            outputs = torch.cat([torch.stack([f.clamp(min=0), (-f).clamp(min=0)]) for f in functions])
            # The best W points along the sum, at its full length.
            lengths.append(float((outputs @ sigma).norm()))
        left.append(2 / 4 * 3 * max(lengths))
        right.append(2 / 4 * 3 * math.sqrt(2) * float((values @ sigma).abs().max()))
    found = rademacher_bound(values, inputs=2, norm=3)
    assert found.exact
    assert found.signs == 16
    assert found.left == pytest.approx(sum(left) / 16)
    assert found.right == pytest.approx(sum(right) / 16)


def test_drawn_signs_come_near_the_exact_answer() -> None:
    values = torch.randn(5, 10, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    exact, drawn = rademacher_bound(values, draws=1024), rademacher_bound(values, draws=1000)
    assert exact.exact
    assert not drawn.exact
    assert abs(exact.left - drawn.left) < 4 * drawn.left_error
    assert abs(exact.right - drawn.right) < 4 * drawn.right_error
    assert rademacher_bound(values, draws=1000) == drawn


def test_functions_of_one_sign_hold_with_equality() -> None:
    found = rademacher_bound(torch.rand(4, 6, generator=torch.Generator().manual_seed(0)))
    assert found.holds
    assert found.ratio == pytest.approx(1)


def test_a_single_function_of_both_signs_exceeds_the_bound() -> None:
    found = rademacher_bound(torch.tensor([[1.0, -1.0]]), inputs=4, norm=2)
    assert found.ratio == pytest.approx(math.sqrt(2))
    assert found.holds is False


def test_bad_input() -> None:
    with pytest.raises(ShapeError, match="functions, L"):
        rademacher_bound(torch.zeros(3))
    with pytest.raises(DataError, match="no finite value"):
        rademacher_bound(torch.tensor([[math.nan]]))
    with pytest.raises(ConfigError, match="norm must be positive"):
        rademacher_bound(torch.ones(1, 1), norm=0)
