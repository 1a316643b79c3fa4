"""CReLU's networks without linear layers against the parameters that it prints."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
import torch
from torch import nn

from rectifiers.core.errors import ConfigError, ShapeError
from rectifiers.networks.blocks import Act
from rectifiers.networks.placement import place

from .samples import build, build_meta, count, crelu, inputs_of, relu


def millions(net: nn.Module) -> float:
    return count(net) / 1e6


@pytest.mark.parametrize(
    ("act", "width", "derived", "printed"),
    [(relu, 1, 1.39, 1.4), (relu, 2, 5.50, 5.6), (crelu, 1, 2.77, 2.8), (crelu, 0.5, 0.70, 0.7)],
)
def test_the_models_of_table_1(act: Act, width: float, derived: float, printed: float) -> None:
    size = millions(build_meta("convpool-cnn-c", act, width=width))
    assert round(size, 2) == derived
    # "5.6" is more than the layout has.
    assert size == pytest.approx(printed, abs=0.1)


@pytest.mark.parametrize(
    ("sites", "options", "weights"),
    [
        ((), {}, 9.37),
        ((0, 3, 6), {"halve": (0, 3, 6)}, 8.60),
        (range(4), {}, 10.14),
        (range(12), {"halve": True, "rectify_logits": True}, 4.68),
    ],
    ids=["baseline", "conv1,4,7", "conv1-4", "all"],
)
def test_the_models_of_table_4(sites: Sequence[int], options: dict[str, Any], weights: float) -> None:
    net = build_meta("all-cnn-b", place(sites, crelu, relu), **options)
    assert net(inputs_of("all-cnn-b")).shape == (2, 1000)
    found = sum(module.weight.numel() for module in net.modules() if isinstance(module, nn.Conv2d))
    assert round(found / 1e6, 2) == weights


@pytest.mark.parametrize("name", ["convpool-cnn-c", "all-cnn-b"])
def test_averages_over_six_by_six_places(name: str) -> None:
    sides: list[int] = []
    net = build_meta(name)
    net.get_submodule("pool").register_forward_pre_hook(lambda _, given: sides.extend(given[0].shape[-2:]))
    net(inputs_of(name))
    assert sides == [6, 6]


def test_rectified_logits() -> None:
    net = build("convpool-cnn-c", rectify_logits=True, width=0.1)
    assert (net(torch.randn(4, 3, 32, 32)) >= 0).all()
    with pytest.raises(ShapeError, match="makes 200 logits for 100 classes; halve the filters before site 8"):
        build_meta("convpool-cnn-c", crelu, rectify_logits=True)


def test_impossible_halves() -> None:
    with pytest.raises(ConfigError, match=r"can halve the filters before sites 0 to 7, got halve=\[8\]"):
        build_meta("convpool-cnn-c", halve=[8])
    with pytest.raises(ConfigError, match="cannot halve 5 filters before site 8"):
        build_meta("convpool-cnn-c", classes=5, halve=[8], rectify_logits=True)
