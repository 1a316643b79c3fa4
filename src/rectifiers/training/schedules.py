"""The learning rate over time, as a factor: milestones, a cosine, or one cycle."""

from __future__ import annotations

import math
from collections.abc import Sequence


def lr_factor(
    epoch: float,
    *,
    milestones: Sequence[int] = (),
    gamma: float = 0.1,
    warmup_epochs: int = 0,
    decay: float = 0.0,
) -> float:
    """What the learning rate is multiplied by at a point of training.

    Args:
        epoch: epochs done, with the fraction of the running one, so that a warm-up rises at every step.
        milestones: epochs after which the rate is multiplied by `gamma`.
        gamma: the factor.
        warmup_epochs: epochs over which the rate rises linearly to its full value.
        decay: the rate is divided by 1 + decay·epoch.

    Example:
        >>> [lr_factor(e, milestones=(2,), warmup_epochs=1) for e in (0.5, 1.0, 2.0)]
        [0.5, 1.0, 0.1]
    """
    if epoch < warmup_epochs:
        return epoch / warmup_epochs
    factor = 1.0 / (1.0 + decay * epoch)
    for milestone in milestones:
        factor *= gamma if epoch >= milestone else 1.0
    return factor


def cosine_factor(epoch: float, *, epochs: int, steps: int, warmup_epochs: int = 0) -> float:
    """(1 + cos πt/T)/2 at step t of T after a linear warm-up, as PyTorch's `CosineAnnealingLR` has it at every step.

    Args:
        epoch: epochs done at the middle of the step.
        epochs: all epochs.
        steps: in an epoch.
        warmup_epochs: epochs over which the rate rises linearly to its full value.

    Example:
        >>> [round(cosine_factor(time, epochs=2, steps=2), 3) for time in (0.25, 0.75, 1.25, 1.75)]
        [1.0, 0.854, 0.5, 0.146]
    """
    if epoch < warmup_epochs:
        return epoch / warmup_epochs
    begun = epoch - 0.5 / steps
    return (1 + math.cos(math.pi * (begun - warmup_epochs) / (epochs - warmup_epochs))) / 2


_RISE = 0.3
_FIRST = 1 / 25
_LAST = _FIRST * 1e-4


def one_cycle_factor(epoch: float, *, epochs: int, steps: int, warmup_epochs: int = 0) -> float:
    """From 1/25 of the rate up to it and down to nearly nothing, as PyTorch's `OneCycleLR` does with its defaults.

    The momentum stays as it is (`cycle_momentum=False`).

    Args:
        epoch: epochs done at the middle of the step.
        epochs: all epochs.
        steps: in an epoch.
        warmup_epochs: epochs over which the rate rises; 0 takes 30 % of all.

    Example:
        >>> [round(one_cycle_factor(time, epochs=10, steps=1), 2) for time in (0.5, 2.5, 9.5)]
        [0.04, 1.0, 0.0]
    """
    step, total = epoch * steps - 0.5, epochs * steps
    top = total * (warmup_epochs / epochs or _RISE) - 1
    if step <= top:
        return _anneal(_FIRST, 1.0, step / top if top else 1.0)
    return _anneal(1.0, _LAST, (step - top) / (total - 1 - top))


def _anneal(start: float, end: float, share: float) -> float:
    """From one value to another along half a cosine."""
    return end + (start - end) / 2 * (1 + math.cos(math.pi * share))
