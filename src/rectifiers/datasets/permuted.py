"""Images whose pixels change places from one phase to the next (Goodfellow et al., 2013)."""

from __future__ import annotations

from typing import ClassVar

from ..core.lazy import torch
from .changing import ChangingSource, drawn
from .dataset import Split


class Permuted(ChangingSource):
    """Another data set whose pixels stand in another order in every phase: permuted:NAME.

    Dohare et al. (Nature, 2024) and Kumar et al. (2023) show with permuted MNIST how networks cease to learn.
    """

    kind: ClassVar[str] = "permuted"
    does: ClassVar[str] = "in every phase the pixels stand in another order, drawn at random, the same for all images"

    def change(self, train: Split, test: Split, phase: int, seed: int) -> tuple[Split, Split]:
        """Put the pixels in the order of the phase, all channels of one alike."""
        pixels = train.images[0, 0].numel()
        order = torch.randperm(pixels, generator=drawn(seed, "permuted", phase))

        def permute(split: Split) -> Split:
            images = split.images.flatten(2)
            # PyTorch gathers along the innermost dimension in a fifth of the time in which it selects there.
            images = images.gather(2, order.to(images.device).expand_as(images))
            return Split(images.reshape(split.images.shape), split.labels)

        return permute(train), permute(test)
