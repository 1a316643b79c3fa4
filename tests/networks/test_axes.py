"""Networks of the table say how many channels each activation has; a trace finds the same."""

from __future__ import annotations

from torch import nn

from rectifiers.watching.survey import survey_model

from .samples import EACH, build_meta, inputs_of, relu


@EACH
def test_channels_are_those_that_the_network_asks_for(name: str) -> None:
    asked: dict[nn.Module, int] = {}

    def act(channels: int) -> nn.Module:
        module = relu(channels)
        asked[module] = channels
        return module

    net = build_meta(name, act)
    sites = survey_model(net, (inputs_of(name),), {}).sites
    ours = [site for site in sites if net.get_submodule(site.path) in asked]
    seen = [(site.channel_dim, site.channels) for site in ours]
    # Rows of features have them in dimension 1 too, and the layer before says whether they are last in others.
    first = [-1 if len(site.shape) == 2 and site.channel_dim == -1 else 1 for site in ours]
    expected = [(dim, asked[net.get_submodule(site.path)]) for dim, site in zip(first, ours, strict=True)]
    assert seen == expected
    assert len(seen) >= len(asked)
