"""The source of a data set: it looks for files, fetches them, and loads them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from ..core.files import named_path
from .dataset import Dataset


@dataclass(frozen=True)
class Availability:
    """The outcome of looking for a data set's files.

    Args:
        found: files that are there.
        missing: names of files that are not there.
        advice: how to get the missing ones.
    """

    found: tuple[Path, ...] = ()
    missing: tuple[str, ...] = ()
    advice: str = ""

    @property
    def ready(self) -> bool:
        """Whether everything that loading needs is there."""
        return not self.missing


@dataclass(frozen=True)
class Size:
    """The size of a published data set, known without its files.

    Args:
        shape: of one input as a network sees it.
        classes: how many there are.
        train: examples to learn from.
        test: examples to report on.
        gigabytes: of the files that are downloaded, in 10⁹ bytes.
    """

    shape: tuple[int, ...]
    classes: int
    train: int
    test: int
    gigabytes: float


@dataclass(frozen=True)
class Source(ABC):
    """Base of all data sets. Sources are values: equal ones load the same data.

    Class attributes:
        size: how much data there is; None where only the files tell.
    """

    size: ClassVar[Size | None] = None

    @abstractmethod
    def load(self, data_dir: Path) -> Dataset:
        """Load the data from files that are there.

        Raises:
            DataError: files are missing, damaged, or not what they claim to be.
        """

    def look(self, data_dir: Path) -> Availability:
        """Look for the files; an embedded data set needs none."""
        return Availability()

    def fetch(self, data_dir: Path) -> None:  # noqa: B027 - most data sets have nothing to fetch
        """Download files that are published and missing; by default there are none."""


@dataclass(frozen=True)
class GivenSource(Source):
    """Base of data that the user specifies after a colon.

    Args:
        given: what the user wrote there.

    Class attributes:
        wanted: what has to stand there, for errors.
    """

    wanted: ClassVar[str]

    given: str


@dataclass(frozen=True)
class PathSource(GivenSource):
    """Base of data at a path of the user's, whatever the data folder is.

    Args:
        given: the path as the user wrote it.
    """

    wanted: ClassVar[str] = "PATH"

    path: Path = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "path", named_path(self.given, "data"))

    def look(self, data_dir: Path) -> Availability:
        """Look whether the path exists."""
        if self.path.exists():
            return Availability(found=(self.path,))
        return Availability(missing=(self.given,), advice=f"looked for {self.path}; check the path")
