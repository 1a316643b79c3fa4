"""Texts as examples: one sequence of character codes in mapped memory, from which batches are cut."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from typing import IO, TYPE_CHECKING, ClassVar

from ..core.errors import DataError
from ..core.lazy import torch
from ..core.wording import plural
from .batches import check_pixelless
from .characters import ALPHABET, OneHot, encode
from .dataset import check_counts, check_labels
from .examples import LabelledExamples, Which

if TYPE_CHECKING:
    from torch import Tensor

LENGTH = 1014
"""Characters that a network sees (Zhang, Zhao, LeCun, 2015)."""
_AT_ONCE = 10_000
_MOST_UNKNOWN = 0.5


@dataclass(frozen=True, eq=False, repr=False)
class Texts(LabelledExamples):
    """Texts and their labels; an input is the text's last characters, the last one first, filled up with zeros.

    Args:
        codes: uint8, codes of all characters, text after text.
        bounds: int64, N×2: where each text begins and ends in `codes`.
        labels: int64, N, counted from 0.
        length: characters of an input.
        note: what could not be encoded, for reports.

    Example:
        >>> texts = Texts.read([(0, "ab"), (1, "cab!")], "example", length=3)
        >>> texts.take(slice(0, 2))
        tensor([[ 2,  1,  0],
                [41,  2,  1]], dtype=torch.uint8)
    """

    noun: ClassVar[str] = "texts"
    augmentable: ClassVar[str] = "texts"

    codes: Tensor
    bounds: Tensor
    labels: Tensor
    length: int = LENGTH
    note: str = ""

    @classmethod
    def read(cls, rows: Iterable[tuple[int, str]], where: str, *, length: int = LENGTH, blank: bool = False) -> Texts:
        """Encode texts one after another; their codes go to a file without a name that is mapped into memory.

        Args:
            rows: label and text.
            where: the file, for errors.
            length: characters of an input.
            blank: whether a text may be empty.

        Raises:
            DataError: there are no texts, one is empty, or most characters are outside the alphabet.
        """
        try:
            encoded = _encode(rows)
        except OSError as error:
            raise DataError(
                f"{where}: cannot keep its texts in a temporary file: {error}; point TMPDIR elsewhere"
            ) from error
        if encoded.empty and not blank:
            raise DataError(f"{where}: text {encoded.empty[0]} is empty; remove it")
        if not encoded.characters:
            raise DataError(f"{where}: expected texts, found none")
        unknown = encoded.unknown / encoded.characters
        if unknown > _MOST_UNKNOWN:
            raise DataError(
                f"{where}: {unknown:.0%} of its characters are outside the alphabet of {len(ALPHABET)} "
                "(a–z, digits, punctuation); write it in Latin letters"
            )
        lengths = torch.tensor(encoded.lengths)
        ends = lengths.cumsum(0)
        notes = [f"{unknown:.2%} of the characters are outside the alphabet"] if unknown else []
        notes += [f"{len(encoded.empty)} texts are empty"] if encoded.empty else []
        return cls(
            codes=encoded.codes,
            bounds=torch.stack((ends - lengths, ends), 1),
            labels=torch.tensor(encoded.labels),
            length=length,
            note="; ".join(notes),
        )

    @property
    def shape(self) -> tuple[int, ...]:
        """Letters×length."""
        return (len(ALPHABET), self.length)

    @property
    def longest(self) -> int:
        """Characters of the longest text."""
        return int((self.bounds[:, 1] - self.bounds[:, 0]).max())

    def take(self, which: Which) -> Tensor:
        """Take codes: uint8, N×length."""
        begin, end = self.bounds[which if isinstance(which, slice) else which.cpu()].unsqueeze(2).unbind(1)
        place = end - 1 - torch.arange(self.length)
        return torch.where(place >= begin, self.codes[place.clamp_(min=0)], 0)

    def part(self, mask: Tensor) -> Texts:
        """Select the texts for which a boolean mask holds, in their order."""
        return replace(self, bounds=self.bounds[mask], labels=self.labels[mask])

    def numbers(self, kind: str, *, channels_last: bool = False) -> OneHot:
        """Make the encoder with one row per letter; "unit" is the only kind."""
        check_pixelless(kind)
        return OneHot()

    def check(self, where: str, classes: int) -> None:
        """Make sure that texts and labels fit together."""
        check_counts(where, text=len(self.bounds), label=len(self.labels))
        check_labels(where, self.labels, classes)

    def content(self) -> Iterator[Tensor]:
        """Yield codes, bounds and labels."""
        yield from (self.codes, self.bounds, self.labels)

    def __repr__(self) -> str:
        return f"Texts({plural(len(self), 'text')}, {self.length} characters seen)"


@dataclass(frozen=True)
class _Encoded:
    """Encoded texts: codes of all characters, labels and lengths; blanks do not count as characters."""

    codes: Tensor
    labels: list[int]
    lengths: list[int]
    characters: int
    unknown: int

    @property
    def empty(self) -> list[int]:
        """Numbers of the texts without a character, from 1."""
        return [number for number, length in enumerate(self.lengths, start=1) if not length]


def _encode(rows: Iterable[tuple[int, str]]) -> _Encoded:
    labels: list[int] = []
    lengths: list[int] = []
    characters = unknown = 0
    iterator = iter(rows)
    with tempfile.TemporaryFile() as file:
        while chunk := list(islice(iterator, _AT_ONCE)):
            numbers, strings = zip(*chunk, strict=True)
            labels.extend(numbers)
            lengths.extend(map(len, strings))
            content = "".join(strings).encode()
            codes = encode(content)
            file.write(codes)
            blanks = content.count(b" ")
            characters += len(codes) - blanks
            unknown += codes.count(0) - blanks
        return _Encoded(_map(file, sum(lengths)), labels, lengths, characters, unknown)


def _map(file: IO[bytes], size: int) -> Tensor:
    """Map the bytes of a file into a tensor; they are read only when they are used."""
    import numpy as np

    file.flush()
    return torch.from_numpy(np.memmap(file, np.uint8, mode="r+", shape=(size,))) if size else torch.empty(0)
