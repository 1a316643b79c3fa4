"""Taking a split apart: stratified, by a named seed stream, in the order of the data."""

from __future__ import annotations

import torch
from torch import Tensor

from ..core.errors import ConfigError
from ..core.seeds import derive
from .dataset import Split


def hold_out(split: Split, size: int | float, seed: int) -> tuple[Split, Split]:
    """Part of a split set aside, to validate on.

    Args:
        split: what to take apart.
        size: images to hold out; a float is a fraction of all, between 0 and 1.
        seed: decides which; each class gives its share, rounded.

    Returns:
        The rest, and what was held out.

    Raises:
        ConfigError: nothing would be held out, or nothing left.

    Example:
        >>> ten = Split(torch.zeros(10, 1, 8, 8, dtype=torch.uint8), torch.arange(10) % 2)
        >>> train, validation = hold_out(ten, 0.2, seed=0)
        >>> len(train), validation.labels.tolist().count(0), validation.labels.tolist().count(1)
        (8, 1, 1)
    """
    count = round(size * len(split)) if isinstance(size, float) else size
    if not 0 < count < len(split):
        raise ConfigError(
            f"cannot hold out {size} of {len(split)} images; "
            f"expected 1 to {len(split) - 1}, or a fraction that comes to as many"
        )
    held = _draw(split.labels, count, derive(seed, "hold-out"))
    return _take(split, ~held), _take(split, held)


def subset(split: Split, count: int, seed: int) -> Split:
    """`count` images of a split; each class gives its share, rounded.

    Args:
        split: what to take from.
        count: images to take.
        seed: decides which.

    Raises:
        ConfigError: fewer than one image, or more than there are.

    Example:
        >>> ten = Split(torch.zeros(10, 1, 8, 8, dtype=torch.uint8), torch.arange(10) % 2)
        >>> subset(ten, 4, seed=0).labels.bincount()
        tensor([2, 2])
    """
    if not 0 < count <= len(split):
        raise ConfigError(f"cannot take {count} of {len(split)} images; expected 1 to {len(split)}")
    return _take(split, _draw(split.labels, count, derive(seed, "subset")))


def _draw(labels: Tensor, count: int, seed: int) -> Tensor:
    """Mask of `count` labels, drawn evenly from each class: shares rounded by largest remainder."""
    total = len(labels)
    sizes = labels.bincount()
    quotas = count * sizes // total
    largest = (count * sizes % total).argsort(descending=True, stable=True)
    quotas[largest[: count - int(quotas.sum())]] += 1

    shuffled = torch.randperm(total, generator=torch.Generator().manual_seed(seed))
    by_class = shuffled[labels[shuffled].argsort(stable=True)]
    rank = torch.arange(total) - (sizes.cumsum(0) - sizes).repeat_interleave(sizes)
    drawn = torch.zeros(total, dtype=torch.bool)
    drawn[by_class[rank < quotas.repeat_interleave(sizes)]] = True
    return drawn


def _take(split: Split, mask: Tensor) -> Split:
    return Split(split.images[mask], split.labels[mask])
