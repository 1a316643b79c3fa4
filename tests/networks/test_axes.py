"""Networks of the table say how many channels each activation has; a trace finds the same."""

from __future__ import annotations

import pytest
from torch import nn

from rectifiers.watching.survey import survey_model

from .samples import NAMES, build_meta, inputs_of, relu


@pytest.mark.parametrize("name", NAMES)
def test_channels_are_those_that_the_network_asks_for(name: str) -> None:
    asked: dict[nn.Module, int] = {}

    def act(channels: int) -> nn.Module:
        module = relu(channels)
        asked[module] = channels
        return module

    net = build_meta(name, act)
    sites = survey_model(net, (inputs_of(name),), {}).sites
    seen = [(site.channel_dim, site.channels) for site in sites if net.get_submodule(site.path) in asked]
    expected = [(1, asked[net.get_submodule(site.path)]) for site in sites if net.get_submodule(site.path) in asked]
    assert seen == expected
    assert len(seen) >= len(asked)
