"""Images whose labels are drawn anew in every phase (Lyle et al., 2023)."""

from __future__ import annotations

from typing import ClassVar

from ..core.lazy import torch
from .changing import ChangingSource, drawn
from .dataset import Split


class RandomLabels(ChangingSource):
    """Another data set whose labels are drawn at random in every phase, to be learned by heart: random-labels:NAME.

    There is nothing in them to be learned for other images: what is tested are the training images.
    """

    kind: ClassVar[str] = "random-labels"
    does: ClassVar[str] = "in every phase each image gets a label drawn at random; tested are the training images"

    def change(self, train: Split, test: Split, phase: int, seed: int) -> tuple[Split, Split]:
        """Draw a label for each training image, every class with the same chance."""
        classes = int(train.labels.max()) + 1
        labels = torch.randint(classes, train.labels.shape, generator=drawn(seed, "random-labels", phase))
        changed = Split(train.images, labels.to(train.labels.device))
        return changed, changed
