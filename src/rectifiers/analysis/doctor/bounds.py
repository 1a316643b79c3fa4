"""Learned parameters at their bounds: where a clamp stops their gradient, or where the function turns around."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from torch import Tensor, nn

from ...activations import TABLE, registry
from ...watching.kinds import spec_of

_OF_PYTORCH = {"hardtanh": 1.0, "hardsigmoid": 1 / 6}

STEEPEST: dict[str, float] = _OF_PYTORCH | {
    name: steepest for name in TABLE if (steepest := registry.get(name).spec.steepest) is not None
}
"""The largest derivatives of the functions that are bounded on both sides: PyTorch's alone, and ours by their specs."""


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
        >>> from rectifiers import AReLU
        >>> [(bound.name, bound.share) for bound in parameters_at_bounds(AReLU(alpha=1.5))]
        [('alpha', 1.0)]
    """
    spec = spec_of(module)
    if spec is None:
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
