from __future__ import annotations

from typing import Any

import pytest

from rectifiers.core.checks import check_count, check_positive
from rectifiers.core.errors import ConfigError


def test_good_values_come_back() -> None:
    assert check_positive("f", "beta", 0.5) == 0.5
    assert check_count("f", "terms", 3) == 3


@pytest.mark.parametrize("value", [0, -1.5, float("nan")])
def test_not_positive(value: float) -> None:
    with pytest.raises(ConfigError, match=f"f: beta must be positive, got {value}"):
        check_positive("f", "beta", value)


@pytest.mark.parametrize("value", [0, -1, 2.0, True, "3", None])
def test_not_a_count(value: Any) -> None:
    with pytest.raises(ConfigError, match="f: terms must be a whole number of at least 1, got"):
        check_count("f", "terms", value)
