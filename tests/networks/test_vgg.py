"""The VGGs: with dropout as in CReLU, with hidden layers, and for ImageNet as torchvision has them."""

from __future__ import annotations

import pytest
import torch
import torchvision
from torch import nn

from rectifiers.networks import create
from rectifiers.networks.placement import list_sites, place

from .samples import build, build_meta, count, crelu, inputs_of, relu

BASELINE = 14_991_946


@pytest.mark.parametrize(
    ("sites", "lost"),
    [
        ([0], 32 * (3 * 9 + 3)),
        ([0, 2], 32 * (3 * 9 + 3) + 64 * (64 * 9 + 3)),
        ([0, 2, 4], 32 * (3 * 9 + 3) + 64 * (64 * 9 + 3) + 128 * (128 * 9 + 3)),
    ],
    ids=["conv1", "conv1,3", "conv1,3,5"],
)
def test_crelu_with_half_the_filters(sites: list[int], lost: int) -> None:
    net = build_meta("vgg-dropout", place(sites, crelu, relu), halve=sites)
    # CReLU gives the next convolution the channels that it had, so only filters, biases and normalisation are lost.
    assert count(net) == BASELINE - lost
    assert net(inputs_of("vgg-dropout")).shape == (2, 10)


def test_dropout_between_convolutions_and_around_the_hidden_units() -> None:
    net = build_meta("vgg-dropout")
    rates = {
        part: [module.p for module in layers.modules() if isinstance(module, nn.Dropout)]
        for part, layers in net.named_children()
    }
    assert rates["stage1"] == [0.3]
    assert rates["stage2"] == [0.4]
    assert rates["stage3"] == rates["stage4"] == rates["stage5"] == [0.4, 0.4]
    assert rates["hidden"] == [0.5, 0.5]
    norms = [module for module in net.modules() if isinstance(module, nn.BatchNorm2d | nn.BatchNorm1d)]
    assert {norm.eps for norm in norms} == {1e-3}
    assert len(norms) == 14


def test_hidden_layers() -> None:
    # The collection that AReLU's CIFAR-100 follows prints 28.5M and 28.7M.
    assert round(count(build_meta("vgg-11", classes=100, hidden=4096)) / 1e6, 1) == 28.5
    assert round(count(build_meta("vgg-13", classes=100, hidden=4096)) / 1e6, 1) == 28.7
    parts = [site.name.partition(".")[0] for site in list_sites("vgg-11", shape=(3, 32, 32), classes=100, hidden=4096)]
    assert parts[-2:] == ["hidden1", "hidden2"]


@pytest.mark.parametrize("name", ["alexnet", "vgg-16-imagenet", "vgg-19-imagenet", "resnet-50-imagenet"])
def test_weights_of_torchvision_fit(name: str) -> None:
    with torch.device("meta"):
        theirs = getattr(torchvision.models, name.removesuffix("-imagenet").replace("-", ""))()
    ours = build_meta(name)
    assert {key: value.shape for key, value in ours.state_dict().items()} == {
        key: value.shape for key, value in theirs.state_dict().items()
    }


def test_features_are_torchvisions() -> None:
    with torch.device("meta"):
        ours, theirs = create("vgg-16-imagenet", relu, shape=(3, 32, 32), classes=10), torchvision.models.vgg16()
    ours, theirs = ours.get_submodule("features").to_empty(device="cpu"), theirs.features.to_empty(device="cpu")
    for parameter in theirs.parameters():
        nn.init.normal_(parameter, std=0.05)
    ours.load_state_dict(theirs.state_dict())
    images = torch.rand(1, 3, 32, 32)
    torch.testing.assert_close(ours(images), theirs(images))


def test_stages_halve_the_sides() -> None:
    net = build("vgg-11", width=0.125)
    x, sides = torch.rand(2, 3, 32, 32), []
    for name, part in net.named_children():
        x = part(x)
        if name.startswith("stage"):
            sides.append(x.shape[-1])
    assert sides == [16, 8, 4, 2, 1]
