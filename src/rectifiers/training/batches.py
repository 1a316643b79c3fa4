"""Batches of whole tensors: examples gathered, augmented and made numbers of, a batch at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import Protocol

import torch
from torch import Tensor

from ..core.errors import ConfigError, ShapeError
from ..datasets.dataset import shape_text
from ..datasets.examples import Examples, Which
from ..datasets.views import ten_crop
from .augmentation import Augmentation
from .fetching import count_loader_workers, fetch
from .group import Group, current


class TrainingBatches(Protocol):
    """What a network is trained on."""

    def __len__(self) -> int:
        """Count the batches of an epoch."""

    def epoch(self, epoch: int, skip: int = 0) -> Iterator[tuple[Tensor, Tensor]]:
        """Give inputs and targets in the order that belongs to this epoch, but for the first few batches."""


class Batches:
    """One pass after another over a split, as float32 inputs and their targets.

    Args:
        split: raw examples.
        size: examples per batch; the last batch holds what is left.
        normalise: makes numbers of raw batches.
        seed: root of the order and the augmentation of training batches.
        device: where the batches go.
        augment: what happens to the inputs of training batches.

    Raises:
        ConfigError: the examples cannot be augmented like that, or RECTIFIERS_LOADER_WORKERS is not a number.
    """

    def __init__(
        self,
        split: Examples,
        size: int,
        *,
        normalise: Callable[[Tensor], Tensor],
        seed: int = 0,
        device: torch.device | str = "cpu",
        augment: Augmentation = Augmentation(),  # noqa: B008 - it is frozen
    ) -> None:
        for spec, transform in zip(augment.specs, augment.transforms, strict=True):
            if transform.takes != split.augmentable and not (transform.moves and split.masked):
                raise ConfigError(
                    f"augmentation {spec} is for {transform.takes} with a label each, got {split!r}; leave it out"
                )
        self._draws = augment.draws(seed, 0)
        self.size, self.normalise, self.seed, self.device, self.augment = size, normalise, seed, device, augment
        self.hold(split)

    def hold(self, split: Examples) -> None:
        """Give batches of these examples from now on."""
        self.split, self.targets = split.to(self.device), split.targets.to(self.device)
        self.loaders = count_loader_workers() if split.streams else 0

    def __len__(self) -> int:
        return -(-len(self.targets) // self.size)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Batches in the split's own order, as they are."""
        runs = self._runs()
        for run, raw in zip(runs, fetch(self.split.take, runs, self.loaders), strict=True):
            yield self.normalise(self._here(raw)), self.targets[run]

    def epoch(self, epoch: int, skip: int = 0) -> Iterator[tuple[Tensor, Tensor]]:
        """Batches in the order and with the augmentation that belong to this epoch and the seed.

        Of processes that train together, each gets its share of each batch.

        Args:
            epoch: its number.
            skip: batches at its beginning that were taken before this object remembered its state.

        Raises:
            ShapeError: augmented images have another size than those that are evaluated.
            ConfigError: a batch has fewer examples than there are processes.
        """
        return self.epoch_of(current(), epoch, skip)

    def epoch_of(self, group: Group, epoch: int, skip: int = 0) -> Iterator[tuple[Tensor, Tensor]]:
        """The same, divided among the processes of a given group."""
        if not skip:
            self._draws = self.augment.draws(self.seed, epoch)
        draws = self._draws
        gather = self.split.whole if self.augment.crops else self.split.take
        batches = self.split.order(self.seed, epoch).to(self.targets.device).split(self.size)[skip:]
        shares = [group.share_of_batch(len(batch)) for batch in batches]
        chosen = [batch[share] for batch, share in zip(batches, shares, strict=True)]
        raws = fetch(gather, chosen, self.loaders)
        for batch, share, indices, raw in zip(batches, shares, chosen, raws, strict=True):
            images, targets = self._here(raw), self.targets.index_select(0, indices)
            if self.split.masked and self.augment.transforms:  # a mask goes where its image goes
                both = self.augment(torch.cat((images, targets), 1), draws, count=len(batch), share=share)
                images, targets = both.tensor_split((images.shape[1],), 1)
            else:
                images = self.augment(images, draws, count=len(batch), share=share)
            if self.augment.crops and tuple(images.shape[1:]) != self.split.shape:
                raise ShapeError(
                    f"augmentation {self.augment} makes inputs of {shape_text(tuple(images.shape[1:]))}, "
                    f"but evaluation has {shape_text(self.split.shape)}; augment to that size"
                )
            yield self.normalise(images), targets

    def known_targets(self) -> Tensor | None:
        """The targets of all examples, in the split's own order; None where examples would have to be read for them."""
        return self.targets

    def state_dict(self) -> dict[str, Tensor]:
        """Where the transforms of the running epoch will draw from, by name."""
        return {str(index): stream.get_state() for index, stream in enumerate(self._draws.values())}

    def load_state_dict(self, state_dict: Mapping[str, Tensor]) -> None:
        """Let them draw from there in an epoch whose first batches are skipped."""
        self._draws = self.augment.draws(self.seed, 0)
        for stream, state in zip(self._draws.values(), state_dict.values(), strict=True):
            stream.set_state(state)

    def patches(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Ten patches of each image, in the split's own order: corners, centre, and the same mirrored; see `ten_crop`.

        They have the size of the images that `__iter__` gives, cut from the whole.

        Yields:
            float32, N×10×C×H×W, and the targets.
        """
        runs = self._runs()
        for run, raw in zip(runs, fetch(self.split.whole, runs, self.loaders), strict=True):
            patches = ten_crop(self._here(raw), self.split.shape[-2:])
            yield self.normalise(patches.flatten(0, 1)).unflatten(0, patches.shape[:2]), self.targets[run]

    def _runs(self) -> list[Which]:
        return [slice(start, start + self.size) for start in range(0, len(self.targets), self.size)]

    def _here(self, raw: Tensor) -> Tensor:
        return raw.to(self.device, non_blocking=True)


def grouped(batches: Iterator[tuple[Tensor, Tensor]], size: int) -> Iterator[list[tuple[Tensor, Tensor]]]:
    """So many batches at a time; the last group has what is left.

    Example:
        >>> one = torch.zeros(1)
        >>> [len(group) for group in grouped(iter([(one, one)] * 5), 2)]
        [2, 2, 1]
    """
    return iter(lambda: list(islice(batches, size)), [])
