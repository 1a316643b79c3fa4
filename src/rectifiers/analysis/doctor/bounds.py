"""Learned parameters where they should not be: beyond a clamp that stops their gradient, or past a turning point."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from torch import Tensor, nn

from ...activations import TABLE, registry
from ...core.spec import ActivationSpec

_OF_PYTORCH = {"hardtanh": 1.0, "hardsigmoid": 1 / 6}

STEEPEST: dict[str, float] = _OF_PYTORCH | {
    name: steepest for name in TABLE if (steepest := registry.get(name).spec.steepest) is not None
}
"""The largest derivative of the functions that are bounded on both sides: PyTorch's alone, and ours by their specs."""


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
        >>> from rectifiers import AReLU
        >>> [(bound.name, bound.share) for bound in at_bounds(AReLU(alpha=1.5))]
        [('alpha', 1.0)]
    """
    spec = getattr(module, "spec", None)
    if not isinstance(spec, ActivationSpec):
        return
    for parameter in spec.parameters:
        if parameter.bounds is None:
            continue
        low, high = parameter.bounds
        if share := _share_beyond(getattr(module, parameter.name), low, high):
            yield AtBound(parameter.name, share, f"outside [{low}, {high}], where its clamp stops the gradient")
    for limit in spec.limits:
        product = math.prod(getattr(module, name) for name in limit.parameters)
        if share := _share_beyond(product, limit.low, limit.high):
            yield AtBound("·".join(limit.parameters), share, limit.meaning)


def _share_beyond(values: Tensor, low: float, high: float) -> float:
    values = values.detach()
    return float(((values < low) | (values > high)).float().mean())
