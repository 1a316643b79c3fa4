"""The families of formulas, by name."""

from __future__ import annotations

COMPILED = frozenset({"crelu", "hinges", "rational", "threshold", "two_slopes", "wave", "wave_below"})
"""Stems with operators in the compiled library."""

TRITON = COMPILED
"""Stems with operators in Triton."""


def names() -> list[str]:
    """All stems, whether or not they have a kernel."""
    return sorted({*COMPILED, *TRITON, "conv_threshold"})
