"""The families of formulas, by name."""

from __future__ import annotations

COMPILED = frozenset({"conv_threshold", "crelu", "hinges", "rational", "threshold", "two_slopes", "wave", "wave_below"})
"""Stems with operators in the compiled library, and in Triton."""


def names() -> list[str]:
    """All stems, whether or not they have a kernel."""
    return sorted(COMPILED)
