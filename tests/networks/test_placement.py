"""Sites in forward order, their parts, and different activations at different ones."""

from __future__ import annotations

import pytest
from torch import nn

from rectifiers.core.errors import ConfigError, ShapeError, UnknownNameError
from rectifiers.networks.placement import list_sites, place

from .samples import EACH, build_meta, relu, spec_of


@EACH
def test_sites_lead_to_the_activations(name: str) -> None:
    spec = spec_of(name)
    sites = list_sites(name, shape=spec.shape, classes=spec.classes)
    made: list[nn.Module] = []

    def act(channels: int) -> nn.Module:
        made.append(nn.ReLU())
        return made[-1]

    net = build_meta(name, act)
    assert [site.index for site in sites] == list(range(len(made)))
    assert [net.get_submodule(site.name) for site in sites] == made


def test_place_counts_sites() -> None:
    net = build_meta("vgg-11", place([0, 7], lambda channels: nn.PReLU(channels), relu))
    sites = list_sites("vgg-11", shape=(3, 32, 32), classes=10)
    assert [type(net.get_submodule(site.name)) for site in sites] == [nn.PReLU, *[nn.ReLU] * 6, nn.PReLU]


def test_activations_in_front_of_convolutions() -> None:
    feeding = ["Conv2d" in site.after for site in list_sites("vgg-11", shape=(3, 32, 32), classes=10)]
    # Behind the others comes a pooling.
    assert feeding == [False, False, True, False, True, False, True, False]
    text = list_sites("char-cnn", shape=(70, 1014), classes=4)
    assert [(site.index, site.channels, site.name, "Conv1d" in site.after) for site in text[:2]] == [
        (0, 256, "conv1.2", True),
        (1, 256, "conv2.2", True),
    ]
    assert ["Conv1d" in site.after for site in text[5:]] == [False] * 3


def test_options_change_the_sites() -> None:
    assert len(list_sites("vgg-11", shape=(3, 32, 32), classes=10, hidden=64)) == 10
    assert list_sites("vgg-11", shape=(3, 32, 32), classes=10, width=0.5)[0].channels == 32


def test_mistakes() -> None:
    with pytest.raises(UnknownNameError, match="did you mean vgg-11"):
        list_sites("vgg11", shape=(3, 32, 32), classes=10)
    with pytest.raises(ShapeError, match="VGG-11 takes images of at least 32×32, got 28×28"):
        list_sites("vgg-11", shape=(3, 28, 28), classes=10)
    with pytest.raises(ConfigError, match="VGG-11: width must be positive, got 0"):
        list_sites("vgg-11", shape=(3, 32, 32), classes=10, width=0)
