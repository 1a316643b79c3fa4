"""MR: sentences of film reviews, for or against (Pang and Lee, 2005)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from ..core.errors import DataError
from ..core.seeds import derive
from .dataset import Dataset
from .files import Resource
from .published import PublishedSource
from .source import Availability, Size
from .splits import folds
from .texts import Texts

_SENTENCES = 5331
FOLDS = 10
"""One of them is for testing."""


class MR(PublishedSource):
    """Sentences of film reviews, for or against: 9,595 + 1,067 texts of 1,014 characters, 2 classes.

    Either the published archive, or rt-polarity.neg and rt-polarity.pos from it; in MR, rt-polaritydata, or the data
    folder itself. There is no published split: a fixed tenth, stratified, is for testing.
    """

    name: ClassVar[str] = "mr"
    size: ClassVar[Size | None] = Size((70, 1014), 2, 9_595, 1_067, 0.0005)
    folders: ClassVar[tuple[str, ...]] = ("MR", "rt-polaritydata")
    # Its publisher states no hash; this MD5 is the one that public loaders of the file agree on.
    resources: ClassVar[tuple[Resource, ...]] = (
        Resource(
            "rt-polaritydata.tar.gz",
            "50c1c2c047b4225e148e97aa7708c34e",
            ("https://www.cs.cornell.edu/people/pabo/movie-review-data/rt-polaritydata.tar.gz",),
        ),
    )
    files: ClassVar[tuple[str, ...]] = ("rt-polarity.neg", "rt-polarity.pos")
    classes: ClassVar[tuple[str, ...]] = ("negative", "positive")

    def look(self, data_dir: Path) -> Availability:
        """Look for both files, or for the archive."""
        unpacked = self._unpacked(data_dir)
        return Availability(found=unpacked) if unpacked else super().look(data_dir)

    def fetch(self, data_dir: Path) -> None:
        """Download the archive unless the files are there."""
        if not self._unpacked(data_dir):
            super().fetch(data_dir)

    def load(self, data_dir: Path) -> Dataset:
        """Encode all sentences and set a tenth aside."""
        sentences = self.sentences(data_dir)
        train, test = folds(sentences, FOLDS, derive(0, self.name, "test"))[0]
        notes = ("a fixed stratified tenth is for testing", sentences.note)
        return Dataset(self.name, train, test, self.classes, note="; ".join(filter(None, notes)))

    def sentences(self, data_dir: Path) -> Texts:
        """Read all 10,662 sentences, those against first.

        Raises:
            DataError: as for `rows`.
        """
        return Texts.read(self.rows(data_dir), self.name)

    def rows(self, data_dir: Path) -> list[tuple[int, str]]:
        """Read label and text of all 10,662 sentences, those against first.

        Raises:
            DataError: the files are missing or truncated, or the archive has another hash.
        """
        if unpacked := self._unpacked(data_dir):
            contents = {str(path): path.read_bytes() for path in unpacked}
        else:
            archive = self.open(data_dir)
            contents = {archive.where(file): archive.read_by_name(file) for file in self.files}
        return [
            (label, sentence)
            for label, (where, content) in enumerate(contents.items())
            for sentence in _lines(content, where)
        ]

    def _unpacked(self, data_dir: Path) -> tuple[Path, ...]:
        for folder in (*self.folders, ""):
            paths = tuple(data_dir / folder / file for file in self.files)
            if all(path.is_file() for path in paths):
                return paths
        return ()


class MRShort(MR):
    """Sentences of film reviews, for or against, cut to the longest one: 9,595 + 1,067 texts, 2 classes."""

    name: ClassVar[str] = "mr-short"
    size: ClassVar[Size | None] = Size((70, 267), 2, 9_595, 1_067, 0.0005)

    def sentences(self, data_dir: Path) -> Texts:
        """Read all 10,662 sentences, with inputs as long as the longest."""
        sentences = super().sentences(data_dir)
        return replace(sentences, length=sentences.longest)


def _lines(content: bytes, where: str) -> list[str]:
    """Split a file into its sentences; it is in Latin-1, and only line feeds end a line."""
    lines = content.decode("latin-1").removesuffix("\n").split("\n")
    if len(lines) != _SENTENCES:
        raise DataError(f"{where}: expected {_SENTENCES:,} lines, found {len(lines):,}; get it again")
    sentences = [line.strip() for line in lines]
    if "" in sentences:
        raise DataError(f"{where}, line {sentences.index('') + 1}: expected a sentence, found nothing; get it again")
    return sentences
