"""Which channel of a widened value is which: one that was there, or the new companion of one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import chain

from ...core.errors import ConfigError


@dataclass(frozen=True)
class Run:
    """Consecutive channels.

    Args:
        first: the old channel that the first of them is, or belongs to.
        count: how many there are.
        new: whether they are new channels, such as the negative phases of the old ones.
    """

    first: int
    count: int
    new: bool = False


@dataclass(frozen=True)
class ChannelMap:
    """The channels of a widened value in order, as runs; every old channel occurs once.

    Example:
        >>> both = ChannelMap.unchanged(2).doubled()
        >>> both.sources, both.new
        ([0, 1, 0, 1], [2, 3])
        >>> (both + ChannelMap.unchanged(1)).repeated(2).sources
        [0, 1, 2, 3, 0, 1, 2, 3, 4, 5]
    """

    runs: tuple[Run, ...]

    @classmethod
    def unchanged(cls, count: int) -> ChannelMap:
        """`count` channels, all old."""
        return cls((Run(0, count),))

    @classmethod
    def from_json(cls, data: Iterable[Sequence[int]]) -> ChannelMap:
        """The map that `to_json` wrote."""
        return cls(tuple(Run(first, count, bool(new)) for first, count, new in data))

    def to_json(self) -> list[list[int]]:
        """The runs as lists of numbers."""
        return [[run.first, run.count, int(run.new)] for run in self.runs]

    def __add__(self, other: ChannelMap) -> ChannelMap:
        """This one's channels, then the other's, as a concatenation has them."""
        shifted = (replace(run, first=run.first + self.before) for run in other.runs)
        return ChannelMap((*self.runs, *shifted))

    @property
    def size(self) -> int:
        """How many channels there are now."""
        return sum(run.count for run in self.runs)

    @property
    def before(self) -> int:
        """How many channels there were."""
        return sum(run.count for run in self.runs if not run.new)

    @property
    def sources(self) -> list[int]:
        """For each channel the old one that it is, or belongs to."""
        return list(chain.from_iterable(range(run.first, run.first + run.count) for run in self.runs))

    @property
    def new(self) -> list[int]:
        """Positions of the new channels."""
        flags = chain.from_iterable([run.new] * run.count for run in self.runs)
        return [position for position, new in enumerate(flags) if new]

    def doubled(self) -> ChannelMap:
        """All channels, then a new one for each of them: what CReLU makes of them."""
        return ChannelMap((*self.runs, *(replace(run, new=True) for run in self.runs)))

    def repeated(self, times: int) -> ChannelMap:
        """Each channel spread over `times` places, as flattening does with pixels."""
        return ChannelMap(tuple(Run(run.first * times, run.count * times, run.new) for run in self.runs))

    def grouped(self, groups: int) -> list[list[int]]:
        """Positions of the channels that belong to each of `groups` equal groups of old channels.

        Raises:
            ConfigError: some groups have more channels than others.

        Example:
            >>> ChannelMap.unchanged(2).doubled().grouped(2)
            [[0, 2], [1, 3]]
        """
        members: list[list[int]] = [[] for _ in range(groups)]
        width = self.before // groups
        for position, source in enumerate(self.sources):
            members[source // width].append(position)
        if len({len(positions) for positions in members}) > 1:
            raise ConfigError(f"its {groups} groups would read different numbers of channels")
        return members
