"""What every part of a data set can do, whatever its examples are: images, texts, slices of volumes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from typing import ClassVar

import torch
from torch import Tensor
from typing_extensions import Self

Which = Tensor | slice
"""Numbers of examples (int64), or a run of them."""


class Examples(ABC):
    """Inputs with what is to be learned of them; a batch of inputs is raw, 8 bits each, until `numbers` made it float.

    Class attributes:
        noun: what is counted when a part is taken, as errors say it.
        augmentable: what transforms of the inputs alone are for these: those of "images" or of "texts", or none.
    """

    noun: ClassVar[str] = "images"
    augmentable: ClassVar[str] = "images"

    @property
    @abstractmethod
    def targets(self) -> Tensor:
        """What is to be learned of each input: a label, or a mask."""

    @property
    @abstractmethod
    def shape(self) -> tuple[int, ...]:
        """Shape of one input as a network sees it."""

    @abstractmethod
    def take(self, which: Which) -> Tensor:
        """A raw batch, uint8, as it is evaluated."""

    @abstractmethod
    def part(self, mask: Tensor) -> Self:
        """The examples for which a boolean mask holds, in their order."""

    @abstractmethod
    def numbers(self, kind: str, *, channels_last: bool = False) -> Callable[[Tensor], Tensor]:
        """What makes float32 of raw batches.

        Args:
            kind: name of a normalisation; see `Normalise.fit`.
            channels_last: lay batches of images out with channels innermost.

        Raises:
            UnknownNameError: with the nearest names.
            DataError: these examples cannot be normalised so.
        """

    @abstractmethod
    def check(self, where: str, classes: int) -> None:
        """Make sure that dtypes, shapes, lengths and targets fit together.

        Args:
            where: data set and part, for errors.
            classes: how many there are.

        Raises:
            DataError: they do not.
        """

    @abstractmethod
    def content(self) -> Iterator[Tensor]:
        """The tensors that say which data this is."""

    @property
    @abstractmethod
    def strata(self) -> Tensor:
        """Label of each thing that a split must not cut in two (int64); its shares are kept."""

    def members(self, chosen: Tensor) -> Tensor:
        """Mask of the examples that belong to the chosen things; here each example is one."""
        return chosen

    def whole(self, which: Which) -> Tensor:
        """A raw batch before its margin is cut off, for random crops; here there is none."""
        return self.take(which)

    def to(self, device: torch.device | str) -> Self:
        """The same examples, on a device if they are small enough to live there."""
        return self

    def __len__(self) -> int:
        return len(self.targets)
