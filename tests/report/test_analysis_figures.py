"""Pictures of what the analyses found: that they show it, in SVG and PNG, the same every time."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from matplotlib.figure import Figure
from torch import nn

from rectifiers import CReLU
from rectifiers.analysis import (
    feature_maps,
    filter_pairs,
    grad_cam,
    invariance_scores,
    outgoing_correlations,
    reconstruct,
)
from rectifiers.report import figures
from rectifiers.report.figures.tiles import mosaic


def images(count: int) -> torch.Tensor:
    return torch.randn(count, 3, 12, 12, generator=torch.Generator().manual_seed(0))


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 4, 3),
        CReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(8, 4, 3),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(4, 2),
    )


def pairing() -> Figure:
    whole = filter_pairs(network())
    return figures.pairing_figure({"ReLU": whole, "$x$": whole[:1]})


def filters() -> Figure:
    return figures.filters_figure(filter_pairs(network())[0])


def deep_filters() -> Figure:
    return figures.filters_figure(filter_pairs(network())[1], most=3)


def reconstruction() -> Figure:
    return figures.reconstruction_figure(images(2), reconstruct(network(), images(2)))


def invariance() -> Figure:
    found = invariance_scores(network(), [images(100)])
    return figures.invariance_figure({"one": [found], "two": [found, found]})


def correlation() -> Figure:
    return figures.correlation_figure(outgoing_correlations(network(), [images(1)]))


def cam() -> Figure:
    found = grad_cam(network(), images(2), layer="4")
    return figures.grad_cam_figure(images(2), {"ReLU": found, "AReLU": found}, ("cat", "dog"))


def maps() -> Figure:
    (found, *_) = feature_maps(network(), images(2))
    return figures.feature_maps_figure(found)


def segmentation() -> Figure:
    mask = torch.zeros(12, 12, dtype=torch.bool)
    mask[2:5, 2:9] = True
    return figures.segmentation_figure(images(1)[0], mask, {"ReLU": {"1": mask, "2": ~mask}, "AReLU": {"1": mask}})


DRAWN = (pairing, filters, deep_filters, reconstruction, invariance, correlation, cam, maps, segmentation)


@pytest.mark.parametrize("draw", DRAWN, ids=lambda draw: draw.__name__)
def test_pictures_are_drawn_and_are_the_same_every_time(draw: Callable[[], Figure]) -> None:
    text = figures.svg(draw(), name=draw.__name__, title="what it shows")
    assert text == figures.svg(draw(), name=draw.__name__, title="what it shows")
    assert "<title>what it shows</title>" in text
    assert figures.png(draw(), dpi=40).startswith(b"\x89PNG")


def test_pictures_say_the_numbers() -> None:
    found = reconstruct(network(), images(2))
    text = figures.svg(reconstruction(), name="x", title="x")
    for error in found[0].error:
        assert f"0: {float(error):.2f}" in text
    target = grad_cam(network(), images(2), layer="4").target
    text = figures.svg(cam(), name="x", title="x")
    assert [f"AReLU: {name}" in text for name in ("cat", "dog")] == [place in target for place in (0, 1)]


def test_nan_leaves_gaps() -> None:
    maps = images(1)
    maps[0, 0, 0, 0] = math.nan
    (found,) = feature_maps(nn.ReLU(), maps)
    assert figures.png(figures.feature_maps_figure(found), dpi=40)


def test_mosaics_of_all_ranks() -> None:
    assert tuple(mosaic(torch.zeros(5)).shape) == (1, 5)
    assert tuple(mosaic(torch.zeros(2, 5)).shape) == (2, 5)
    assert tuple(mosaic(torch.zeros(1, 2, 5)).shape) == (2, 5)
    assert tuple(mosaic(torch.zeros(4, 3, 2, 5)).shape) == (12, 10)
    assert int(mosaic(torch.zeros(5, 2, 2)).isnan().sum()) == 4
