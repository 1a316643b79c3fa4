"""Noise in the shape of a published data set: it tells what a run costs before the data are there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from ..core.errors import ConfigError
from ..core.lazy import torch
from ..core.seeds import derive
from . import registry
from .batches import Normalise
from .characters import ALPHABET
from .dataset import Dataset, Split
from .examples import Examples, Which
from .lgg import LGG
from .pieces import VOCABULARY, Pieces
from .slices import Slices
from .source import GivenSource, Size
from .streamed import SEEN, STORED
from .texts import Texts
from .views import centre_crop

if TYPE_CHECKING:
    from torch import Tensor

TRAIN, TEST = 640, 250
"""Numbers of examples: enough for a few steps of large batches."""

SLICES = 16
"""Slices of a generated patient, and how many patients are for testing."""
_TESTED = 2


@dataclass(frozen=True, eq=False, repr=False)
class MarginedImages(Split):
    """Images whose margin only random crops see, like those of `Streamed`.

    Args:
        images: uint8, N×C×H×W.
        labels: int64, N, counted from 0.
        seen: pixels of the central square that is evaluated.
    """

    seen: int = SEEN

    @property
    def shape(self) -> tuple[int, ...]:
        """C×seen×seen."""
        return (self.images.shape[1], self.seen, self.seen)

    def take(self, which: Which) -> Tensor:
        """Take the central pixels."""
        return centre_crop(self.whole(which), (self.seen, self.seen))

    def whole(self, which: Which) -> Tensor:
        """Take images with their margin."""
        return super().take(which)

    def part(self, mask: Tensor) -> MarginedImages:
        """Select the images for which a boolean mask holds, in their order."""
        return replace(self, images=self.images[mask], labels=self.labels[mask])

    def to(self, device: torch.device | str) -> MarginedImages:
        """Copy the images to a device."""
        return replace(self, images=self.images.to(device), labels=self.labels.to(device))

    def numbers(self, kind: str, *, channels_last: bool = False) -> Normalise:
        """Make the normalisation called `kind`, measured on all pixels."""
        return Normalise.fit(kind, self.images, channels_last=channels_last)


class Generated(GivenSource):
    """Noise in the shape of a published data set, to measure what a run costs: generated:NAME.

    It holds a few hundred examples with labels drawn at random. There is nothing to learn from them.
    """

    wanted: ClassVar[str] = "NAME"

    def load(self, data_dir: Path) -> Dataset:
        """Draw pixels, letters or word pieces, and labels; they are always the same.

        Raises:
            UnknownNameError: with the nearest names.
            ConfigError: the size of these data is not known without their files.
        """
        source = registry.get(self.given)
        if source.size is None:
            raise ConfigError(
                f"the size of the data set {self.given!r} is not known without its files; use the data set itself"
            )
        draw = torch.Generator().manual_seed(derive(0, "generated", self.given))
        if issubclass(source, LGG):
            make: Callable[..., Examples] = partial(_slices, source.kind)
        else:
            make = {1: _pieces, 2: _texts}.get(len(source.size.shape), _images)
        train, test = (make(source.size, count, draw) for count in (TRAIN, TEST))
        classes = tuple(map(str, range(max(2, source.size.classes))))
        return Dataset(f"generated:{self.given}", train, test, classes, note="noise; nothing can be learned from it")


def _labels(size: Size, count: int, draw: torch.Generator) -> Tensor:
    return torch.randint(size.classes, (count,), generator=draw)


def _images(size: Size, count: int, draw: torch.Generator) -> Examples:
    channels, *sides = size.shape
    labels = _labels(size, count, draw)
    if sides == [SEEN, SEEN]:
        sides = [STORED, STORED]
        return MarginedImages(_pixels((count, channels, *sides), draw), labels)
    return Split(_pixels((count, channels, *sides), draw), labels)


def _pixels(shape: tuple[int, ...], draw: torch.Generator) -> Tensor:
    return torch.randint(256, shape, dtype=torch.uint8, generator=draw)


def _texts(size: Size, count: int, draw: torch.Generator) -> Examples:
    length = size.shape[1]
    codes = torch.randint(1, len(ALPHABET) + 1, (count * length,), dtype=torch.uint8, generator=draw)
    begin = torch.arange(count) * length
    return Texts(codes, torch.stack((begin, begin + length), 1), _labels(size, count, draw), length)


def _pieces(size: Size, count: int, draw: torch.Generator) -> Examples:
    pieces = torch.randint(1, VOCABULARY, (count, *size.shape), dtype=torch.int32, generator=draw)
    return Pieces(pieces, _labels(size, count, draw))


def _slices(kind: type[Slices], size: Size, count: int, draw: torch.Generator) -> Examples:
    count = count // SLICES * SLICES if count == TRAIN else _TESTED * SLICES
    _, *sides = size.shape
    masks = torch.randint(2, (count, 1, *sides), dtype=torch.uint8, generator=draw)
    return kind(_pixels((count, *size.shape), draw), masks, torch.arange(count) // SLICES)
