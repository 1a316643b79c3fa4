"""The network of six convolutions: its features, other image sizes, and where it drops out."""

from __future__ import annotations

import torch
from torch import nn

from .samples import build, build_meta


def test_2048_features() -> None:
    assert build_meta("six-conv").get_submodule("hidden.0").in_features == 2_048


def test_other_sides() -> None:
    assert build("six-conv", shape=(1, 22, 28), classes=3, width=0.05)(torch.rand(2, 1, 22, 28)).shape == (2, 3)


def test_dropout_behind_the_last_two_stages_and_the_hidden_layer() -> None:
    rates = [module.p for module in build_meta("six-conv").modules() if isinstance(module, nn.Dropout)]
    assert [rate for rate in rates if rate] == [0.25, 0.25, 0.5]
