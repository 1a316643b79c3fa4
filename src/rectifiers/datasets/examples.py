"""The interface of every part of a data set, whether its examples are images, texts or slices of volumes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, ClassVar, TypeAlias

from typing_extensions import Self

from ..core.lazy import torch
from .batches import order

if TYPE_CHECKING:
    from torch import Tensor

Which: TypeAlias = "Tensor | slice"
"""Indices of examples (int64), or a slice."""


class Examples(ABC):
    """Inputs with their targets; a batch of inputs is raw, of 8 bits, until what `numbers` returns makes it float.

    Class attributes:
        noun: plural of what is counted when a part is taken, for errors.
        augmentable: which transforms of the inputs alone fit: those for "images", those for "texts", or none ("").
        masked: whether the targets are masks of the inputs, which transforms that move pixels have to move along.
        fewest_classes: how many names of classes a data set of them has at least.
        streams: whether batches are read from files, so that it is worth fetching them ahead.
    """

    noun: ClassVar[str] = "images"
    augmentable: ClassVar[str] = "images"
    masked: ClassVar[bool] = False
    fewest_classes: ClassVar[int] = 2
    streams: ClassVar[bool] = False

    @property
    @abstractmethod
    def targets(self) -> Tensor:
        """The target of each input: a label, or a mask."""

    @property
    @abstractmethod
    def shape(self) -> tuple[int, ...]:
        """Shape of one input as a network sees it."""

    @abstractmethod
    def take(self, which: Which) -> Tensor:
        """Take a raw batch, uint8, as it is evaluated."""

    @abstractmethod
    def part(self, mask: Tensor) -> Self:
        """Select the examples for which a boolean mask holds, in their order."""

    @abstractmethod
    def numbers(self, kind: str, *, channels_last: bool = False) -> Callable[[Tensor], Tensor]:
        """Make the function that turns raw batches into float32.

        Args:
            kind: name of a normalisation; see `Normalise.fit`.
            channels_last: lay batches of images out with channels innermost.

        Raises:
            UnknownNameError: with the nearest names.
            DataError: these examples cannot be normalised in this way.
        """

    @abstractmethod
    def check(self, where: str, classes: int) -> None:
        """Make sure that dtypes, shapes, lengths and targets fit together.

        Args:
            where: data set and part, for errors.
            classes: number of classes.

        Raises:
            DataError: they do not fit.
        """

    @abstractmethod
    def content(self) -> Iterator[Tensor]:
        """Yield the tensors that identify the data."""

    @property
    @abstractmethod
    def strata(self) -> Tensor:
        """The label of each thing that a split must not cut in two (int64); splits keep the labels' shares."""

    def members(self, chosen: Tensor) -> Tensor:
        """Mark the examples that belong to the chosen things; here each example is one."""
        return chosen

    def whole(self, which: Which) -> Tensor:
        """Take a raw batch with its margin, for random crops; here there is no margin."""
        return self.take(which)

    def order(self, seed: int, epoch: int) -> Tensor:
        """Indices of an epoch's examples, in the order in which they are trained on: each once.

        Args:
            seed: seed of the trial.
            epoch: number of the epoch.

        Returns:
            int64, as many as there are examples.
        """
        return order(len(self), seed, epoch)

    def to(self, device: torch.device | str) -> Self:
        """Copy the examples to a device, if they are small enough to live there."""
        return self

    def __len__(self) -> int:
        return len(self.targets)


class LabelledExamples(Examples):
    """Examples with one label each, which is their target, and whose shares splits keep.

    Attributes:
        labels: int64, N, counted from 0.
    """

    labels: Tensor

    @property
    def targets(self) -> Tensor:
        """The labels."""
        return self.labels

    @property
    def strata(self) -> Tensor:
        """The labels."""
        return self.labels
