"""Where a data set comes from: look for its files, fetch them, load them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from .dataset import Dataset


@dataclass(frozen=True)
class Availability:
    """What looking for a data set's files gave.

    Args:
        found: files that are there.
        missing: files that are not, by name.
        advice: how to get the missing ones.
    """

    found: tuple[Path, ...] = ()
    missing: tuple[str, ...] = ()
    advice: str = ""

    @property
    def ready(self) -> bool:
        """Whether loading finds all it needs."""
        return not self.missing


@dataclass(frozen=True)
class Size:
    """How much a published data set holds, known without its files.

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
        size: how much there is; None where only the files tell.
    """

    size: ClassVar[Size | None] = None

    @abstractmethod
    def load(self, data_dir: Path) -> Dataset:
        """The data, from files that are there.

        Raises:
            DataError: files are missing, damaged, or not what they claim to be.
        """

    def look(self, data_dir: Path) -> Availability:
        """Which of the files are there; an embedded data set needs none."""
        return Availability()

    def fetch(self, data_dir: Path) -> None:  # noqa: B027 - most data sets have nothing to fetch
        """Download what is published and missing; by default nothing is."""


@dataclass(frozen=True)
class GivenSource(Source):
    """Base of data that the user says more of, behind a colon.

    Args:
        given: what stands there.

    Class attributes:
        wanted: what has to stand there.
    """

    wanted: ClassVar[str]

    given: str


@dataclass(frozen=True)
class PathSource(GivenSource):
    """Base of data that lies where the user says, whatever the data folder is.

    Args:
        given: the path as the user wrote it.
    """

    wanted: ClassVar[str] = "PATH"

    path: Path = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "path", Path(self.given).expanduser().resolve())

    def look(self, data_dir: Path) -> Availability:
        """Whether the path exists."""
        if self.path.exists():
            return Availability(found=(self.path,))
        return Availability(missing=(self.given,), advice=f"looked for {self.path}; check the path")
