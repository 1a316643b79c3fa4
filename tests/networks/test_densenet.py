"""The DenseNets against Table 6 of ConvReLU."""

from __future__ import annotations

import itertools
from collections import Counter

import pytest
import torch
from torch import nn

from rectifiers import activations
from rectifiers.activations.convrelu import ConvReLU2d
from rectifiers.core.errors import ConfigError
from rectifiers.networks.placement import list_sites, place
from rectifiers.watching.sites import Site

from .samples import build, build_meta, count, relu

RELU = 1_035_268
SHAPE = (3, 32, 32)


def prelu(channels: int) -> nn.Module:
    return activations.create("prelu")


def with_convrelu(net: nn.Module, parts: list[str]) -> nn.Module:
    """ConvReLU in the place of every ReLU of these parts and the convolution right behind it."""
    for part in parts:
        for module in net.get_submodule(part).modules():
            layers = list(module) if isinstance(module, nn.Sequential) else []
            for index, (first, second) in enumerate(itertools.pairwise(layers)):
                if isinstance(first, nn.ReLU) and isinstance(second, nn.Conv2d):
                    module[index], module[index + 1] = nn.Identity(), ConvReLU2d.from_conv(second)
    return net


@pytest.fixture(scope="module")
def sites() -> list[Site]:
    return list_sites("densenet-convrelu", shape=SHAPE, classes=100)


def test_parameters_of_table_6(sites: list[Site]) -> None:
    first = [site.index for site in sites if site.name.startswith("block1.")]
    all_but_the_last = [site.index for site in sites if "Conv2d" in site.after]
    assert count(build_meta("densenet-convrelu")) == RELU
    assert count(build_meta("densenet-convrelu", place(first, prelu, relu))) == 1_035_280
    assert count(build_meta("densenet-convrelu", place(all_but_the_last, prelu, relu))) == 1_035_387
    assert count(with_convrelu(build_meta("densenet-convrelu"), ["block1"])) == 1_038_184


@pytest.mark.parametrize(
    ("parts", "thresholds"),
    [
        (["block1"], 2_916),
        (["block4"], 11_424),
        (["block1", "block2", "block3", "block4"], 36_876),
        (["transition1", "transition2", "transition3"], 672),
    ],
)
def test_thresholds_of_the_strategies(parts: list[str], thresholds: int) -> None:
    assert count(with_convrelu(build_meta("densenet-convrelu"), parts)) == RELU + thresholds


def test_sites_lie_in_the_papers_blocks(sites: list[Site]) -> None:
    sizes = Counter(site.name.partition(".")[0] for site in sites)
    assert sizes == {
        "block1": 12,
        "transition1": 1,
        "block2": 24,
        "transition2": 1,
        "block3": 48,
        "transition3": 1,
        "block4": 32,
        "act": 1,
    }


def test_ten_classes_and_a_wider_stem() -> None:
    assert count(build_meta("densenet-convrelu", classes=10)) == 1_000_618
    assert count(build_meta("densenet-40", stem=24)) == 1_059_298


def test_layer_keeps_its_input() -> None:
    net = build("densenet-40", blocks=(1, 1), growth=3, stem=5)
    x = torch.rand(2, 5, 8, 8)
    y = net.get_submodule("block1")(x)
    assert y.shape == (2, 8, 8, 8)
    assert torch.equal(y[:, :5], x)


def test_impossible_options() -> None:
    with pytest.raises(ConfigError, match="DenseNet-40: growth must be a whole number of at least 1, got 0"):
        build_meta("densenet-40", growth=0)
    with pytest.raises(ConfigError, match="DenseNet-40: blocks must be a whole number of at least 1, got 0"):
        build_meta("densenet-40", blocks=(2, 0))
