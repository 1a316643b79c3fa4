"""First thresholds: one number for all, or random as the paper has them."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch

from rectifiers.core.errors import ConfigError
from rectifiers.core.thresholds import RANDOM_STD, check_threshold_init, fill_thresholds


@pytest.mark.parametrize(("init", "value"), [("zero", 0.0), (0.25, 0.25), (-1, -1.0)])
def test_one_number_for_all(init: Any, value: float) -> None:
    tensor = torch.ones(3, 2)
    fill_thresholds(tensor, init, inputs=1, outputs=1)
    assert tensor.eq(value).all()


def test_random_is_gaussian() -> None:
    tensor = torch.empty(20_000)
    fill_thresholds(tensor, "random", inputs=1, outputs=1)
    assert abs(tensor.mean()) < 4 * RANDOM_STD / 20_000**0.5
    assert abs(tensor.std() / RANDOM_STD - 1) < 0.05


@pytest.mark.parametrize(("init", "variance"), [("glorot", 2 / 100), ("xavier", 2 / 900)])
def test_glorot_has_the_variance_of_the_paper_and_xavier_counts_the_taps(init: Any, variance: float) -> None:
    """Uniform between ±√3 standard deviations; the paper's n are numbers of channels."""
    tensor = torch.empty(20_000)
    fill_thresholds(tensor, init, inputs=30, outputs=70, taps=9)
    assert tensor.abs().max() <= (3 * variance) ** 0.5
    assert abs(tensor.var() / variance - 1) < 0.05


def test_xavier_is_pytorchs() -> None:
    weight, found = torch.empty(70, 30, 3, 3), torch.empty(70, 30, 3, 3)
    torch.manual_seed(0)
    torch.nn.init.xavier_uniform_(weight)
    torch.manual_seed(0)
    fill_thresholds(found, "xavier", inputs=30, outputs=70, taps=9)
    torch.testing.assert_close(found, weight)


@pytest.mark.parametrize("init", ["zeros", None, True, (0.0,), math.nan, math.inf])
def test_unknown_init(init: Any) -> None:
    with pytest.raises(ConfigError, match=r"init must be 'zero', 'random', 'glorot', 'xavier' or a number, got"):
        check_threshold_init("f", "init", init)
