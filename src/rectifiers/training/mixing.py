"""Mixup (Zhang et al., 2018) and CutMix (Yun et al., 2019): training batches whose images are mixed in pairs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor
from torchvision.transforms import v2

from ..core.errors import ConfigError
from ..core.seeds import derive
from .batches import Batches
from .group import ALONE, current


class MixedBatches:
    """Training batches, mixed by torchvision's transforms; each label becomes the shares of the classes.

    Args:
        batches: what is mixed.
        classes: number of classes.
        mixup: α of the Beta(α, α) that weighs two images; 0 leaves mixup out.
        cutmix: α of the Beta(α, α) that is the area of a patch of another image; 0 leaves CutMix out. With both, each
            batch takes one of them by lot.

    Raises:
        ConfigError: the examples are not images with one label each.
    """

    def __init__(self, batches: Batches, classes: int, *, mixup: float = 0.0, cutmix: float = 0.0) -> None:
        if batches.split.augmentable != "images":
            raise ConfigError(
                f"mixup and cutmix are for images with a label each, got {batches.split!r}; leave them out"
            )
        kinds = [
            kind(alpha=alpha, num_classes=classes) for kind, alpha in ((v2.MixUp, mixup), (v2.CutMix, cutmix)) if alpha
        ]
        self.batches = batches
        self.mix = kinds[0] if len(kinds) == 1 else v2.RandomChoice(kinds)

    def __len__(self) -> int:
        return len(self.batches)

    def epoch(self, epoch: int, skip: int = 0) -> Iterator[tuple[Tensor, Tensor]]:
        """Batches of an epoch, each mixed by random numbers that belong to its place, the epoch and the seed."""
        # Any two images of a batch may be mixed, so that each process makes all of it.
        for place, (images, labels) in enumerate(self.batches.epoch_of(ALONE, epoch, skip), start=skip):
            with torch.random.fork_rng(devices=[]):
                # Not torch.manual_seed, which seeds the generators of GPUs, too, that dropout there draws from.
                torch.default_generator.manual_seed(derive(self.batches.seed, "mix", epoch, place))
                mixed_images, shares = self.mix(images, labels)
            own = current().share_of_batch(len(shares))
            yield mixed_images[own], shares[own]

    def state_dict(self) -> dict[str, Tensor]:
        """What the batches remember; the mixing needs no memory."""
        return self.batches.state_dict()

    def load_state_dict(self, state_dict: Mapping[str, Tensor]) -> None:
        """Let the batches remember it."""
        self.batches.load_state_dict(state_dict)
