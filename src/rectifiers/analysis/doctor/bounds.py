"""Learned parameters where they should not be: beyond a clamp that stops their gradient, or past a turning point."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from torch import Tensor, nn

from ...activations.arelu import AReLU
from ...activations.elsa import ELSA
from ...activations.pvlu import PVLU

STEEPEST = {"sigmoid": 0.25, "tanh": 1.0, "hardtanh": 1.0, "hardsigmoid": 1 / 6, "relu6": 1.0}
"""The largest derivative of the functions that are bounded on both sides."""

CLAMP = (0.01, 0.99)
"""Where AReLU and ELSA clamp α."""


@dataclass(frozen=True)
class AtBound:
    """A parameter, some of whose values are at a bound.

    Args:
        name: of the parameter.
        share: how many of its values, from 0 to 1.
        meaning: what that does.
    """

    name: str
    share: float
    meaning: str


def at_bounds(module: nn.Module | None) -> Iterator[AtBound]:
    """Parameters of an activation at their bounds.

    Example:
        >>> [(bound.name, bound.share) for bound in at_bounds(AReLU(alpha=1.5))]
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
