"""Data that change while a network learns: what they are in one phase after another."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from ..core.errors import ConfigError
from ..core.lazy import torch
from ..core.seeds import derive
from . import registry
from .dataset import Dataset, Split
from .examples import Examples
from .source import Availability, GivenSource, Source

Change = Callable[[Examples, Examples, int, int], tuple[Examples, Examples]]
"""Makes training and test data of a phase from those that do not change, its number, counted from 0, and a seed.

Every phase has as many training examples as every other.
"""


@dataclass(frozen=True, eq=False, repr=False)
class ChangingDataset(Dataset):
    """A data set that becomes another in every phase; its own splits are what the phases are made of.

    Args:
        change: what makes a phase.

    Example:
        >>> split = Split(torch.arange(4, dtype=torch.uint8).reshape(1, 1, 2, 2), torch.tensor([0]))
        >>> def turn(train, test, phase, seed):
        ...     return Split(train.images.rot90(phase, (2, 3)), train.labels), test
        >>> data = ChangingDataset("turning", split, split, ("no", "yes"), change=turn)
        >>> data.change(data.train, data.test, 1, 0)[0].images.flatten().tolist()
        [1, 3, 0, 2]
    """

    change: Change = field(kw_only=True)


class ChangingSource(GivenSource):
    """Base of data that are made of another data set of images, whose name follows a colon.

    Class attributes:
        kind: name in the registry.
        does: what becomes of the data in every phase, for reports.
    """

    wanted: ClassVar[str] = "NAME"
    kind: ClassVar[str]
    does: ClassVar[str]

    @abstractmethod
    def change(self, train: Split, test: Split, phase: int, seed: int) -> tuple[Split, Split]:
        """Make the data of a phase.

        Args:
            train: what there is to learn from, the same in every phase.
            test: what there is to report on, the same in every phase.
            phase: its number, counted from 0.
            seed: root of what is drawn.
        """

    def look(self, data_dir: Path) -> Availability:
        """Look for the files of the data that it is made of."""
        return self._base.look(data_dir)

    def fetch(self, data_dir: Path) -> None:
        """Download what it is made of."""
        self._base.fetch(data_dir)

    def load(self, data_dir: Path) -> Dataset:
        """Load what it is made of.

        Raises:
            UnknownNameError: there is no such data set; with the nearest names.
            ConfigError: it is not of images in memory.
            DataError: its files are missing or damaged.
        """
        base = self._base.load(data_dir)
        if not (isinstance(base.train, Split) and isinstance(base.test, Split)):
            raise ConfigError(f"{self.kind} changes images that are in memory, got {base!r}; take mnist or cifar10")

        def change(train: Examples, test: Examples, phase: int, seed: int) -> tuple[Examples, Examples]:
            assert isinstance(train, Split)
            assert isinstance(test, Split)
            return self.change(train, test, phase, seed)

        note = "; ".join(filter(None, (self.does, base.note)))
        return ChangingDataset(f"{self.kind}:{self.given}", base.train, base.test, base.classes, note, change=change)

    @property
    def _base(self) -> Source:
        if ":" in self.given:
            raise ConfigError(f"{self.kind} changes a data set that has a name of its own, got {self.given!r}")
        source = registry.get(self.given)
        if issubclass(source, GivenSource):
            raise ConfigError(f"{self.kind} changes a data set that needs nothing after its name, got {self.given!r}")
        return source()


def drawn(seed: int, *names: str | int) -> torch.Generator:
    """Make the stream of random numbers that a phase is drawn from."""
    return torch.Generator().manual_seed(derive(seed, *names))
