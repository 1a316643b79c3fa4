"""The families of formulas, by name."""

from __future__ import annotations

STEMS = frozenset({"conv_threshold", "crelu", "hinges", "rational", "threshold", "two_slopes", "wave", "wave_below"})
"""All stems; each has a composite, and operators in the compiled library."""
