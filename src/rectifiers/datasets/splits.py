"""Parts of a split: stratified, drawn by a named seed stream, in the order of the data.

What must not be cut in two stays whole: all slices of a patient go to the same part, and it is patients that are
counted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from ..core.errors import ConfigError
from ..core.lazy import torch
from ..core.seeds import derive
from .examples import Examples

if TYPE_CHECKING:
    from torch import Tensor

E = TypeVar("E", bound=Examples)


def hold_out(split: E, size: int | float, seed: int) -> tuple[E, E]:
    """Set a part of a split aside, to validate on.

    Args:
        split: what to divide.
        size: images (texts, patients) to hold out; a float is a fraction of all, between 0 and 1.
        seed: decides which; each class gives its share, rounded.

    Returns:
        The rest, and what was held out.

    Raises:
        ConfigError: nothing would be held out, or nothing would be left.

    Example:
        >>> from rectifiers.datasets import Split
        >>> ten = Split(torch.zeros(10, 1, 8, 8, dtype=torch.uint8), torch.arange(10) % 2)
        >>> train, validation = hold_out(ten, 0.2, seed=0)
        >>> len(train), validation.labels.tolist().count(0), validation.labels.tolist().count(1)
        (8, 1, 1)
    """
    total = len(split.strata)
    count = round(size * total) if isinstance(size, float) else size
    if not 0 < count < total:
        raise ConfigError(
            f"cannot hold out {size} of {total} {split.noun}; "
            f"expected 1 to {total - 1}, or a fraction that comes to as many"
        )
    held = split.members(_draw(split.strata, count, derive(seed, "hold-out")))
    return split.part(~held), split.part(held)


def subset(split: E, count: int, seed: int) -> E:
    """Take `count` images (texts, patients) of a split; each class gives its share, rounded.

    Args:
        split: what to take from.
        count: how many to take.
        seed: decides which.

    Raises:
        ConfigError: `count` is less than one, or more than there are.

    Example:
        >>> from rectifiers.datasets import Split
        >>> ten = Split(torch.zeros(10, 1, 8, 8, dtype=torch.uint8), torch.arange(10) % 2)
        >>> subset(ten, 4, seed=0).labels.bincount()
        tensor([2, 2])
    """
    total = len(split.strata)
    if not 0 < count <= total:
        raise ConfigError(f"cannot take {count} of {total} {split.noun}; expected 1 to {total}")
    return split.part(split.members(_draw(split.strata, count, derive(seed, "subset"))))


def folds(split: E, count: int, seed: int) -> list[tuple[E, E]]:
    """Divide a split into `count` folds, for cross-validation: each example is held out once.

    Args:
        split: what to divide.
        count: number of folds.
        seed: decides which; folds, and the shares of each class in them, differ by one at most.

    Returns:
        For each fold the rest, and the fold.

    Raises:
        ConfigError: fewer than two folds, or more than there are images (texts, patients).

    Example:
        >>> from rectifiers.datasets import Split
        >>> ten = Split(torch.zeros(10, 1, 8, 8, dtype=torch.uint8), torch.arange(10) % 2)
        >>> [(len(rest), fold.labels.bincount().tolist()) for rest, fold in folds(ten, 5, seed=0)]
        [(8, [1, 1]), (8, [1, 1]), (8, [1, 1]), (8, [1, 1]), (8, [1, 1])]
    """
    total = len(split.strata)
    if not 2 <= count <= total:
        raise ConfigError(f"cannot make {count} folds of {total} {split.noun}; expected 2 to {total}")
    fold = torch.empty(total, dtype=torch.int64, device="cpu")
    fold[_by_class(split.strata, derive(seed, "folds"))] = torch.arange(total, device="cpu") % count
    masks = [split.members(fold == number) for number in range(count)]
    return [(split.part(~mask), split.part(mask)) for mask in masks]


def _draw(labels: Tensor, count: int, seed: int) -> Tensor:
    """Mark `count` labels, drawn evenly from each class, with shares rounded by largest remainder."""
    total = len(labels)
    sizes = labels.bincount()
    quotas = count * sizes // total
    largest = (count * sizes % total).argsort(descending=True, stable=True)
    quotas[largest[: count - int(quotas.sum())]] += 1

    by_class = _by_class(labels, seed)
    rank = torch.arange(total, device="cpu") - (sizes.cumsum(0) - sizes).repeat_interleave(sizes)
    drawn = torch.zeros(total, dtype=torch.bool, device="cpu")
    drawn[by_class[rank < quotas.repeat_interleave(sizes)]] = True
    return drawn


def _by_class(labels: Tensor, seed: int) -> Tensor:
    """List the labels' indices class by class, shuffled within each."""
    shuffled = torch.randperm(len(labels), generator=torch.Generator().manual_seed(seed), device="cpu")
    return shuffled[labels[shuffled].argsort(stable=True)]
