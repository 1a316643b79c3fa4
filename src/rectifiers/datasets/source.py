"""Where a data set comes from: look for its files, fetch them, load them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from pathlib import Path

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
class Source(ABC):
    """Base of all data sets. Sources are values: equal ones load the same data."""

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
class PathSource(Source):
    """Base of data that lies where the user says, whatever the data folder is.

    Args:
        given: the path as the user wrote it.
    """

    given: str
    path: Path = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "path", Path(self.given).expanduser().resolve())

    def look(self, data_dir: Path) -> Availability:
        """Whether the path exists."""
        if self.path.exists():
            return Availability(found=(self.path,))
        return Availability(missing=(self.given,), advice=f"looked for {self.path}; check the path")
