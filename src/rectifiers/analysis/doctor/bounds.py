"""Learned parameters at their bounds: where a clamp stops their gradient, or where the function turns around."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from torch import Tensor, nn

from ...activations.arelu import AReLU
from ...activations.elsa import ELSA
from ...activations.pvlu import PVLU

STEEPEST = {"sigmoid": 0.25, "tanh": 1.0, "hardtanh": 1.0, "hardsigmoid": 1 / 6, "relu6": 1.0}
"""The largest derivatives of the functions that are bounded on both sides."""

CLAMP = (0.01, 0.99)
"""The bounds to which AReLU and ELSA clamp α."""


@dataclass(frozen=True)
class AtBound:
    """A parameter that has values at a bound.

    Args:
        name: name of the parameter.
        share: the share of its values that are at a bound, from 0 to 1.
        meaning: where the bound is and what happens there, in words.
    """

    name: str
    share: float
    meaning: str


def parameters_at_bounds(module: nn.Module | None) -> Iterator[AtBound]:
    """Find the parameters of an activation that have values at their bounds.

    Example:
        >>> [(bound.name, bound.share) for bound in parameters_at_bounds(AReLU(alpha=1.5))]
        [('alpha', 1.0)]
    """
    if isinstance(module, AReLU | ELSA):
        alpha = module.alpha.detach()
        share = _share((alpha < CLAMP[0]) | (alpha > CLAMP[1]))
        if share:
            yield AtBound("alpha", share, f"outside [{CLAMP[0]}, {CLAMP[1]}], where its clamp stops the gradient")
    elif isinstance(module, PVLU):
        share = _share((module.alpha * module.beta).detach().abs() > 1)
        if share:
            yield AtBound("alpha·beta", share, "beyond ±1, where the function falls in places even above 0")


def _share(mask: Tensor) -> float:
    return float(mask.float().mean())
