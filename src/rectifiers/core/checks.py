"""Checks of arguments, with one wording each."""

from __future__ import annotations

import math
from collections.abc import Sized
from numbers import Real

from .errors import ConfigError, ShapeError


def check_number(owner: str, name: str, value: float) -> float:
    """Return `value` if it is a finite number.

    Raises:
        ConfigError: it is not.
    """
    if isinstance(value, bool) or not isinstance(value, Real) or not abs(value) < math.inf:
        raise ConfigError(f"{owner}: {name} must be a finite number, got {value!r}")
    return value


def check_positive(owner: str, name: str, value: float) -> float:
    """Return `value` if it is a finite number above zero.

    Raises:
        ConfigError: it is not.
    """
    if not check_number(owner, name, value) > 0:
        raise ConfigError(f"{owner}: {name} must be positive, got {value!r}")
    return value


def check_not_negative(owner: str, name: str, value: float) -> float:
    """Return `value` if it is a finite number, and not below zero.

    Raises:
        ConfigError: it is not.
    """
    if not check_number(owner, name, value) >= 0:
        raise ConfigError(f"{owner}: {name} must not be negative, got {value!r}")
    return value


def check_count(owner: str, name: str, value: int) -> int:
    """Return `value` if it is a whole number of at least 1.

    Raises:
        ConfigError: it is not.
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ConfigError(f"{owner}: {name} must be a whole number of at least 1, got {value!r}")
    return value


def count_coefficients(owner: str, name: str, value: Sized, least: int = 0) -> int:
    """Count the coefficients in a sequence of them, or in a tensor that has them along its first axis.

    Raises:
        ShapeError: `value` is a single number, or there are fewer than `least`.
    """
    try:
        count = len(value)
    except TypeError:
        raise ShapeError(f"{owner}: {name} must hold coefficients along its first axis, got {value!r}") from None
    if count < least:
        raise ShapeError(f"{owner}: expected at least {least} coefficients, got {count}")
    return count
