"""Checks of settings, with one wording each."""

from __future__ import annotations

from .errors import ConfigError


def check_positive(owner: str, name: str, value: float) -> float:
    """`value` itself, if it is above zero.

    Raises:
        ConfigError: it is not.
    """
    if not value > 0:
        raise ConfigError(f"{owner}: {name} must be positive, got {value!r}")
    return value


def check_count(owner: str, name: str, value: int) -> int:
    """`value` itself, if it is a whole number of at least 1.

    Raises:
        ConfigError: it is not.
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ConfigError(f"{owner}: {name} must be a whole number of at least 1, got {value!r}")
    return value
