"""Texts as examples: one run of character codes in mapped memory, cut out a batch at a time."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from typing import IO, ClassVar

import torch
from torch import Tensor

from ..core.errors import ConfigError, DataError, UnknownNameError
from .batches import NORMALISATIONS
from .characters import ALPHABET, OneHot, encode
from .dataset import check_labels
from .examples import Examples, Which

LENGTH = 1014
"""Characters that a network sees (Zhang, Zhao, LeCun, 2015)."""
_AT_ONCE = 10_000
_MOST_UNKNOWN = 0.5


@dataclass(frozen=True, eq=False, repr=False)
class Texts(Examples):
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
    augmentable: ClassVar[bool] = False

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
        labels: list[int] = []
        lengths: list[int] = []
        written = unknown = characters = 0
        iterator = iter(rows)
        try:
            with tempfile.TemporaryFile() as file:
                while chunk := list(islice(iterator, _AT_ONCE)):
                    numbers, strings = zip(*chunk, strict=True)
                    labels.extend(numbers)
                    lengths.extend(map(len, strings))
                    content = "".join(strings).encode()
                    codes = encode(content)
                    blanks = content.count(b" ")
                    characters += len(codes) - blanks
                    unknown += codes.count(0) - blanks
                    written += file.write(codes)
                mapped = _map(file, written)
        except OSError as error:
            raise DataError(
                f"{where}: cannot keep its texts in a temporary file: {error}; point TMPDIR elsewhere"
            ) from error
        empty = [number for number, count in enumerate(lengths, start=1) if not count]
        if empty and not blank:
            raise DataError(f"{where}: text {empty[0]} is empty; remove it")
        if not characters:
            raise DataError(f"{where}: expected texts, found none")
        if unknown > _MOST_UNKNOWN * characters:
            raise DataError(
                f"{where}: {unknown / characters:.0%} of its characters are outside the alphabet of "
                f"{len(ALPHABET)} (a–z, digits, punctuation); write it in Latin letters"
            )
        ends = torch.tensor(lengths).cumsum(0)
        notes = [f"{unknown / characters:.2%} of the characters are outside the alphabet"] if unknown else []
        notes += [f"{len(empty)} texts are empty"] if empty else []
        return cls(
            codes=mapped,
            bounds=torch.stack((ends - torch.tensor(lengths), ends), 1),
            labels=torch.tensor(labels),
            length=length,
            note="; ".join(notes),
        )

    @property
    def targets(self) -> Tensor:
        """The labels."""
        return self.labels

    @property
    def strata(self) -> Tensor:
        """The labels."""
        return self.labels

    @property
    def shape(self) -> tuple[int, ...]:
        """Letters×length."""
        return (len(ALPHABET), self.length)

    @property
    def longest(self) -> int:
        """Characters of the longest text."""
        return int((self.bounds[:, 1] - self.bounds[:, 0]).max())

    def take(self, which: Which) -> Tensor:
        """Codes: uint8, N×length."""
        begin, end = self.bounds[which if isinstance(which, slice) else which.cpu()].unsqueeze(2).unbind(1)
        place = end - 1 - torch.arange(self.length)
        return torch.where(place >= begin, self.codes[place.clamp_(min=0)], 0)

    def part(self, mask: Tensor) -> Texts:
        """The texts for which a boolean mask holds, in their order."""
        return replace(self, bounds=self.bounds[mask], labels=self.labels[mask])

    def numbers(self, kind: str, *, channels_last: bool = False) -> OneHot:
        """One row per letter; "unit" is the only kind there is."""
        if kind not in NORMALISATIONS:
            raise UnknownNameError("normalisation", kind, NORMALISATIONS)
        if kind != "unit":
            raise ConfigError(f"texts have no pixels to scale, so they cannot be normalised to {kind!r}; use 'unit'")
        return OneHot()

    def check(self, where: str, classes: int) -> None:
        """Make sure that texts and labels fit together."""
        if len(self.bounds) != len(self.labels):
            raise DataError(
                f"{where}: {len(self.bounds)} texts but {len(self.labels)} labels; expected as many of each"
            )
        check_labels(where, self.labels, classes)

    def content(self) -> Iterator[Tensor]:
        """Codes, bounds and labels."""
        yield from (self.codes, self.bounds, self.labels)

    def __repr__(self) -> str:
        return f"Texts({len(self)} texts, {self.length} characters seen)"


def _map(file: IO[bytes], size: int) -> Tensor:
    """The bytes of a file as a tensor; they stay in it until somebody looks at them."""
    import numpy as np

    file.flush()
    return torch.from_numpy(np.memmap(file, np.uint8, mode="r+", shape=(size,))) if size else torch.empty(0)
