"""The character CNN: its thresholds, its pooling, and the shortest text that it reads."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from rectifiers.core.errors import ShapeError

from .samples import build, build_meta


def test_thresholds_of_the_second_and_third_convolution() -> None:
    net = build_meta("char-cnn")
    convolutions = [module for module in net.modules() if isinstance(module, nn.Conv1d)]
    assert sum(module.in_channels * module.kernel_size[0] for module in convolutions[1:3]) == 2_560
    assert net.get_submodule("hidden1.0").in_features == 8_704


def test_pooling_before_relu_gives_what_the_papers_order_gives() -> None:
    net = build("char-cnn", shape=(70, 123), width=0.1, hidden=8).eval()
    x = torch.rand(2, 70, 123)
    ours, turned = net(x), 0
    for part in net.children():
        layers = list(part) if isinstance(part, nn.Sequential) else []
        if any(isinstance(layer, nn.MaxPool1d) for layer in layers):
            part[1], part[2] = part[2], part[1]
            assert [type(layer) for layer in part] == [nn.Conv1d, nn.ReLU, nn.MaxPool1d]
            turned += 1
    assert turned == 3
    assert torch.equal(net(x), ours)


def test_shortest_text() -> None:
    net = build("char-cnn", shape=(70, 123), width=0.1, hidden=8)
    assert net(torch.rand(2, 70, 123)).shape == (2, 4)
    with pytest.raises(ShapeError, match="takes texts of at least 123 characters, got 122; pad them"):
        build_meta("char-cnn", shape=(70, 122))


def test_images_are_no_texts() -> None:
    with pytest.raises(ShapeError, match=r"takes texts \(characters, length\), got shape \(3, 32, 32\)"):
        build_meta("char-cnn", shape=(3, 32, 32))
