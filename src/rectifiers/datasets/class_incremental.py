"""A data set whose classes come a few at a time."""

from __future__ import annotations

from typing import ClassVar

from ..core.lazy import torch
from .changing import ChangingSource, drawn
from .dataset import Split

AT_A_TIME = 2


class ClassIncremental(ChangingSource):
    """Another data set of which every phase has two classes, until all were there: class-incremental:NAME.

    Then it begins again, in another order. Labels keep their numbers. Of every class there are as many training images
    as of the rarest.
    """

    kind: ClassVar[str] = "class-incremental"
    does: ClassVar[str] = "in every phase two of the classes, in an order drawn anew when all were there"

    def change(self, train: Split, test: Split, phase: int, seed: int) -> tuple[Split, Split]:
        """Take the images of the classes of the phase."""
        counts = train.labels.bincount()
        times, place = divmod(phase, len(counts) // AT_A_TIME)
        order = torch.randperm(len(counts), generator=drawn(seed, "class-incremental", times))
        chosen = order[place * AT_A_TIME : (place + 1) * AT_A_TIME].to(train.labels.device)
        rank = torch.empty_like(train.labels)
        for label in chosen.tolist():
            mask = train.labels == label
            rank[mask] = torch.arange(int(mask.sum()), device=rank.device)
        few = torch.isin(train.labels, chosen)
        few &= rank.where(few, 0) < counts.min()
        return train.part(few), test.part(torch.isin(test.labels, chosen))
