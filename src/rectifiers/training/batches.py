"""Batches of whole tensors: a split in memory, gathered, converted and normalised a batch at a time."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from ..datasets.batches import Normalise, order
from ..datasets.dataset import Split


class Batches:
    """One pass after another over a split, as float32 images and labels.

    Args:
        split: images in uint8, and labels.
        size: images per batch; the last batch holds what is left.
        normalise: makes numbers of the pixels.
        seed: root of the order of training batches.
        device: where the batches go.
    """

    def __init__(
        self,
        split: Split,
        size: int,
        *,
        normalise: Normalise,
        seed: int = 0,
        device: torch.device | str = "cpu",
    ) -> None:
        self.images, self.labels = split.images.to(device), split.labels.to(device)
        self.size, self.normalise, self.seed = size, normalise, seed

    def __len__(self) -> int:
        return -(-len(self.labels) // self.size)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Batches in the split's own order."""
        for images, labels in zip(self.images.split(self.size), self.labels.split(self.size), strict=True):
            yield self.normalise(images), labels

    def epoch(self, epoch: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Batches in the order that belongs to this epoch and the seed."""
        for indices in order(len(self.labels), self.seed, epoch).to(self.labels.device).split(self.size):
            yield self.normalise(self.images.index_select(0, indices)), self.labels.index_select(0, indices)
