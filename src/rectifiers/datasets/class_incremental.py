"""A data set whose classes come a few at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from ..core.lazy import torch
from .changing import ChangingSource, drawn
from .dataset import Split

AT_A_TIME = 2


class ClassIncremental(ChangingSource):
    """Another data set of which every phase has two classes, until all were there: class-incremental:NAME.

    Then it begins again, in another order. Labels keep their numbers. Of every class there are as many images as of the
    rarest, so that all phases are of one size.
    """

    kind: ClassVar[str] = "class-incremental"
    does: ClassVar[str] = "in every phase two of the classes, in an order drawn anew when all were there"

    def change(self, train: Split, test: Split, phase: int, seed: int) -> tuple[Split, Split]:
        """Take the images of the classes of the phase."""
        count = int(train.labels.max()) + 1
        times, place = divmod(phase, count // AT_A_TIME)
        order = torch.randperm(count, generator=drawn(seed, "class-incremental", times))
        chosen = order[place * AT_A_TIME : (place + 1) * AT_A_TIME].tolist()
        return _take(train, chosen), _take(test, chosen)


def _take(split: Split, chosen: Sequence[int]) -> Split:
    """Take the first images of some classes, of each as many as the rarest of all classes has."""
    counts = split.labels.bincount()
    rarest = int(counts[counts > 0].min())
    few = torch.zeros_like(split.labels, dtype=torch.bool)
    for label in chosen:
        few[(split.labels == label).nonzero().flatten()[:rarest]] = True
    return split.part(few)
