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
    fill_thresholds(tensor, init, fan_in=1, fan_out=1)
    assert tensor.eq(value).all()


def test_random_is_gaussian() -> None:
    tensor = torch.empty(20_000)
    fill_thresholds(tensor, "random", fan_in=1, fan_out=1)
    assert abs(tensor.mean()) < 4 * RANDOM_STD / 20_000**0.5
    assert abs(tensor.std() / RANDOM_STD - 1) < 0.05


def test_glorot_has_the_variance_of_the_paper() -> None:
    """Variance 2 / (fan in + fan out), uniform between ±√3 standard deviations."""
    tensor = torch.empty(20_000)
    fill_thresholds(tensor, "glorot", fan_in=30, fan_out=70)
    assert tensor.abs().max() <= (3 * 2 / 100) ** 0.5
    assert abs(tensor.var() / 0.02 - 1) < 0.05


@pytest.mark.parametrize("init", ["zeros", None, True, (0.0,), math.nan, math.inf])
def test_unknown_init(init: Any) -> None:
    with pytest.raises(ConfigError, match=r"init must be 'zero', 'random', 'glorot' or a number, got"):
        check_threshold_init("f", "init", init)
