"""AlexNet against torchvision's, and in small."""

from __future__ import annotations

import pytest
import torch
import torchvision

from rectifiers.core.errors import ShapeError
from rectifiers.networks import create
from rectifiers.networks.placement import list_sites

from .samples import build, crelu, relu


def test_outputs_are_torchvisions() -> None:
    theirs = torchvision.models.alexnet(num_classes=5).eval()
    ours = build("alexnet", classes=5).eval()
    ours.load_state_dict(theirs.state_dict())
    # Of another size too, which is pooled to the same features.
    for side in (224, 63):
        images = torch.rand(1, 3, side, side)
        torch.testing.assert_close(ours(images), theirs(images))


def test_small_ones_learn_with_any_function() -> None:
    net = build("alexnet", crelu, classes=5, shape=(3, 32, 32), width=1 / 32, enlarge=2)
    logits = net(torch.rand(2, 3, 32, 32))
    logits.square().sum().backward()
    assert logits.shape == (2, 5)
    assert all(parameter.grad is not None and parameter.grad.isfinite().all() for parameter in net.parameters())


def test_seven_sites() -> None:
    sites = list_sites("alexnet", shape=(3, 224, 224), classes=1000)
    assert [site.name.partition(".")[0] for site in sites] == ["features"] * 5 + ["classifier"] * 2
    assert [site.channels for site in sites] == [64, 192, 384, 256, 256, 4096, 4096]


def test_smallest_image() -> None:
    with pytest.raises(ShapeError, match="AlexNet takes images of at least 63×63, got 62×62"):
        create("alexnet", relu, shape=(3, 62, 62), classes=10)
