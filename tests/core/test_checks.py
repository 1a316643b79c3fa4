"""Argument checks: what passes comes back as it was, and what does not is named."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from rectifiers.core.checks import check_count, check_number, check_positive, count_coefficients
from rectifiers.core.errors import ConfigError, ShapeError


def test_good_values_come_back() -> None:
    assert check_number("f", "alpha", -2) == -2
    assert check_positive("f", "beta", 0.5) == 0.5
    assert check_count("f", "terms", 3) == 3


@pytest.mark.parametrize("value", [float("nan"), float("inf"), True, "3", None, (1.0,), torch.tensor(1.0)])
def test_not_a_number(value: Any) -> None:
    for check in (check_number, check_positive):
        with pytest.raises(ConfigError, match="f: alpha must be a finite number, got"):
            check("f", "alpha", value)


@pytest.mark.parametrize("value", [0, -1.5])
def test_not_positive(value: float) -> None:
    with pytest.raises(ConfigError, match=f"f: beta must be positive, got {value}"):
        check_positive("f", "beta", value)


@pytest.mark.parametrize("value", [0, -1, 2.0, True, "3", None])
def test_not_a_count(value: Any) -> None:
    with pytest.raises(ConfigError, match="f: terms must be a whole number of at least 1, got"):
        check_count("f", "terms", value)


def test_number_of_coefficients() -> None:
    assert count_coefficients("f", "a", (1.0, 2.0)) == 2
    assert count_coefficients("f", "a", torch.ones(3, 4)) == 3


@pytest.mark.parametrize("value", [1.0, torch.tensor(1.0)])
def test_no_coefficient_axis(value: Any) -> None:
    with pytest.raises(ShapeError, match="f: a must hold coefficients along its first axis, got"):
        count_coefficients("f", "a", value)
