"""Which channel of a widened value is which: one that was there before, or the new companion of one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import chain

from ...core.errors import ConfigError


@dataclass(frozen=True)
class Stretch:
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
    """The channels of a widened value, in order; every old channel occurs once.

    Example:
        >>> both = ChannelMap.identity(2).double()
        >>> both.sources, both.new
        ([0, 1, 0, 1], [2, 3])
        >>> (both + ChannelMap.identity(1)).repeat(2).sources
        [0, 1, 2, 3, 0, 1, 2, 3, 4, 5]
    """

    stretches: tuple[Stretch, ...]

    @classmethod
    def identity(cls, count: int) -> ChannelMap:
        """Make the map of `count` old channels and no new ones."""
        return cls((Stretch(0, count),))

    @classmethod
    def from_json(cls, data: Iterable[Sequence[int]]) -> ChannelMap:
        """Read the map that `to_json` wrote."""
        stretches = tuple(Stretch(int(first), int(count), bool(new)) for first, count, new in data)
        old = sum(one.count for one in stretches if not one.new)
        if any(one.first < 0 or not 0 <= one.count <= old - one.first for one in stretches):
            raise ValueError(f"expected stretches of {old} channels, got {data!r}")
        return cls(stretches)

    def to_json(self) -> list[list[int]]:
        """Return the stretches as lists of numbers."""
        return [[stretch.first, stretch.count, int(stretch.new)] for stretch in self.stretches]

    def __add__(self, other: ChannelMap) -> ChannelMap:
        """Put the other map's channels after these, as a concatenation does."""
        shifted = (replace(stretch, first=stretch.first + self.before) for stretch in other.stretches)
        return ChannelMap((*self.stretches, *shifted))

    @property
    def size(self) -> int:
        """How many channels there are now."""
        return sum(stretch.count for stretch in self.stretches)

    @property
    def before(self) -> int:
        """How many channels there were before."""
        return sum(stretch.count for stretch in self.stretches if not stretch.new)

    @property
    def sources(self) -> list[int]:
        """For each channel, the old one that it is or belongs to."""
        return list(chain.from_iterable(range(one.first, one.first + one.count) for one in self.stretches))

    @property
    def new(self) -> list[int]:
        """Positions of the new channels."""
        flags = chain.from_iterable([stretch.new] * stretch.count for stretch in self.stretches)
        return [position for position, new in enumerate(flags) if new]

    def double(self) -> ChannelMap:
        """Add a new channel for each channel, after all of them, as CReLU does."""
        return ChannelMap((*self.stretches, *(replace(stretch, new=True) for stretch in self.stretches)))

    def repeat(self, times: int) -> ChannelMap:
        """Replace each channel by `times` channels, as flattening does with pixels."""
        return ChannelMap(tuple(Stretch(one.first * times, one.count * times, one.new) for one in self.stretches))

    def group(self, groups: int) -> list[list[int]]:
        """Return the positions of the channels that belong to each of `groups` equal groups of old channels.

        Raises:
            ConfigError: some groups have more channels than others.

        Example:
            >>> ChannelMap.identity(2).double().group(2)
            [[0, 2], [1, 3]]
        """
        members: list[list[int]] = [[] for _ in range(groups)]
        width = self.before // groups
        for position, source in enumerate(self.sources):
            members[source // width].append(position)
        if len({len(positions) for positions in members}) > 1:
            raise ConfigError(f"its {groups} groups would read different numbers of channels")
        return members
