"""All formulas that have kernels: the one list."""

from __future__ import annotations

from . import (
    conv_threshold,
    crelu,
    cut,
    dispatch,
    gate,
    hinges,
    poly_norm,
    poly_relu,
    pooled_conv,
    random_slopes,
    rational,
    squared,
    threshold,
    two_slopes,
    wave,
    xielu,
)
from .formula import Formula

FORMULAS: tuple[Formula, ...] = (
    conv_threshold.formula,
    crelu.formula,
    cut.formula,
    gate.formula,
    hinges.formula,
    poly_norm.formula,
    poly_relu.formula,
    pooled_conv.formula,
    random_slopes.formula,
    *rational.formulas.values(),
    squared.formula,
    threshold.formula,
    two_slopes.plain,
    two_slopes.attention,
    two_slopes.amplified,
    wave.formula,
    wave.formula_below,
    xielu.formula,
)

VARIANTS: dict[str, list[Formula]] = {}
"""By name: a formula, or the variants of one whose operator takes options."""

for _formula in FORMULAS:
    VARIANTS.setdefault(_formula.name, []).append(_formula)


def status() -> dict[str, str]:
    """How each formula runs on this machine, and why."""
    return {name: dispatch.explain(name) for name in sorted(VARIANTS)}
