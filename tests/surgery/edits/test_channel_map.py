"""Maps from old channels to new ones: concatenated, grouped, and through JSON."""

from __future__ import annotations

import json

import pytest

from rectifiers.core.errors import ConfigError
from rectifiers.surgery.edits.channel_map import ChannelMap


def test_a_map_survives_json() -> None:
    channels = (ChannelMap.identity(3).double() + ChannelMap.identity(2)).repeat(4)
    assert ChannelMap.from_json(json.loads(json.dumps(channels.to_json()))) == channels


def test_doubling_what_is_doubled_keeps_every_old_channel_once() -> None:
    channels = ChannelMap.identity(2).double().double()
    assert (channels.before, channels.size, channels.new) == (2, 8, [2, 3, 4, 5, 6, 7])


def test_concatenation_counts_the_old_channels_of_the_second_on() -> None:
    both = ChannelMap.identity(2).double() + ChannelMap.identity(1).double()
    assert both.sources == [0, 1, 0, 1, 2, 2]
    assert both.new == [2, 3, 5]


def test_groups_of_different_sizes_are_refused() -> None:
    with pytest.raises(ConfigError, match="2 groups would read different numbers"):
        (ChannelMap.identity(1).double() + ChannelMap.identity(1)).group(2)
