"""Pictures of what the analyses found: the numbers that they draw, in SVG and PNG, the same every time."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
import torch
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.colors import to_hex
from matplotlib.contour import ContourSet
from matplotlib.figure import Figure
from torch import Tensor, nn

from rectifiers import CReLU
from rectifiers.analysis import (
    feature_maps,
    filter_pairs,
    grad_cam,
    invariance_scores,
    outgoing_correlations,
    reconstruct,
)
from rectifiers.report.figures.by_layer import by_layer_figure
from rectifiers.report.figures.canvas import png, svg
from rectifiers.report.figures.correlation import correlation_figure
from rectifiers.report.figures.feature_maps import feature_maps_figure
from rectifiers.report.figures.grad_cam import grad_cam_figure
from rectifiers.report.figures.invariance import invariance_figure
from rectifiers.report.figures.pairing import filters_figure, pairing_figure
from rectifiers.report.figures.reconstruction import reconstruction_figure
from rectifiers.report.figures.segmentation import segmentation_figure
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


def pixels(axis: Axes, layer: int = 0) -> np.ma.MaskedArray[Any, Any]:
    """What the axes show as an image; what is left out is masked."""
    array = axis.images[layer].get_array()
    assert array is not None
    return np.ma.masked_invalid(array)


def scaled(plane: Tensor, low: float, high: float) -> Tensor:
    """Values as shades, black at `low` and white at `high`."""
    return ((plane - low) / (high - low)).clamp(0, 1)


def titles(axes: Sequence[Axes]) -> list[str]:
    return [axis.get_title(loc="center") or axis.get_title(loc="left") for axis in axes]


def pairing() -> Figure:
    whole = filter_pairs(network())
    return pairing_figure({"ReLU": whole, "$x$": whole[:1]})


def filters() -> Figure:
    return filters_figure(filter_pairs(network())[0])


def deep_filters() -> Figure:
    return filters_figure(filter_pairs(network())[1], most=3)


def reconstruction() -> Figure:
    return reconstruction_figure(images(2), reconstruct(network(), images(2)))


def invariance() -> Figure:
    found = invariance_scores(network(), [images(100)])
    return invariance_figure({"one": [found], "two": [found, found]})


def correlation() -> Figure:
    return correlation_figure(outgoing_correlations(network(), [images(1)]))


def cam() -> Figure:
    found = grad_cam(network(), images(2), layer="4")
    return grad_cam_figure(images(2), {"ReLU": found, "AReLU": found}, ("cat", "dog"))


def maps() -> Figure:
    (found, *_) = feature_maps(network(), images(2))
    return feature_maps_figure(found)


def segmentation() -> Figure:
    mask = torch.zeros(12, 12, dtype=torch.bool)
    mask[2:5, 2:9] = True
    return segmentation_figure(images(1)[0], mask, {"ReLU": {"1": mask, "2": ~mask}, "AReLU": {"1": mask}})


DRAWN = (pairing, filters, deep_filters, reconstruction, invariance, correlation, cam, maps, segmentation)


@pytest.mark.parametrize("draw", DRAWN, ids=lambda draw: draw.__name__)
def test_pictures_are_drawn_and_are_the_same_every_time(draw: Callable[[], Figure]) -> None:
    figure = draw()
    text = svg(figure, name=draw.__name__, title="what it shows")
    assert text == svg(draw(), name=draw.__name__, title="what it shows")
    assert "<title>what it shows</title>" in text
    assert png(figure, dpi=40).startswith(b"\x89PNG")


def test_pictures_say_the_numbers() -> None:
    found = reconstruct(network(), images(2))
    text = svg(reconstruction(), name="x", title="x")
    for error in found[0].error:
        assert f"0: {float(error):.2f}" in text
    target = grad_cam(network(), images(2), layer="4").target
    text = svg(cam(), name="x", title="x")
    assert [f"AReLU: {name}" in text for name in ("cat", "dog")] == [place in target for place in (0, 1)]


def test_histograms_of_pairs_hold_each_filter_once_and_mark_the_means() -> None:
    found = filter_pairs(network())
    figure = pairing()
    # The second network lacks a layer, and its panel is left out.
    assert titles(figure.axes) == ["0", "3", "0"]
    assert [axis.get_ylabel() for axis in figure.axes] == ["ReLU", "", "$x$"]
    for axis, layer in zip(figure.axes, (*found, found[0]), strict=True):
        heights = np.array([bar.get_height() for bar in axis.patches]).reshape(2, -1)  # type: ignore[attr-defined]
        edges = [bar.get_x() for bar in axis.patches[: heights.shape[1]]]  # type: ignore[attr-defined]
        bins = [*edges, 2 * edges[-1] - edges[-2]]
        for drawn, cosines, mean in zip(heights, (layer.random, layer.similarity), axis.lines, strict=True):
            expected, _ = np.histogram(cosines.flatten().numpy(), bins)
            np.testing.assert_allclose(drawn, expected / cosines.numel(), atol=1e-9)
            assert drawn.sum() == pytest.approx(1)
            assert mean.get_xdata() == [pytest.approx(float(cosines.mean()))] * 2


@pytest.mark.parametrize(("layer", "draw", "count"), [(0, filters, 4), (1, deep_filters, 3)])
def test_filters_lie_beside_their_partners_with_the_most_opposite_first(
    layer: int, draw: Callable[[], Figure], count: int
) -> None:
    found = filter_pairs(network())[layer]
    order = found.similarity.argsort(stable=True)[:count].tolist()
    axes = draw().axes
    assert len(axes) == 3 * count
    for place, number in enumerate(order):
        left, right, gap = axes[3 * place : 3 * place + 3]
        assert titles([left, right]) == ["", f"{float(found.similarity[number]):.2f}".replace("-", "−")]
        for axis, shown in ((left, number), (right, int(found.partner[number]))):
            unit = found.filters[shown] / found.filters[shown].norm()
            bound = float(unit.abs().max())
            expected = mosaic(scaled(unit, -bound, bound)).numpy()
            np.testing.assert_allclose(pixels(axis).filled(math.nan), expected, atol=1e-5)
        assert not gap.images


def test_reconstructions_are_shown_in_the_range_of_the_original_with_their_errors() -> None:
    originals, found = images(2), reconstruct(network(), images(2))
    rows = np.array(reconstruction().axes).reshape(2, 1 + len(found))
    for number, (first, *others) in enumerate(rows):
        low, high = float(originals[number].min()), float(originals[number].max())
        assert titles([first, *others]) == [
            "image",
            *(f"{layer.layer}: {float(layer.error[number]):.2f}" for layer in found),
        ]
        for axis, picture in zip((first, *others), (originals, *(layer.images for layer in found)), strict=True):
            expected = scaled(picture[number], low, high).permute(1, 2, 0).numpy()
            np.testing.assert_allclose(pixels(axis), expected, atol=1e-5)


def test_invariance_is_a_line_of_means_per_network_with_a_band_over_several_trainings() -> None:
    found = invariance_scores(network(), [images(100)])
    figure = invariance()
    assert titles(figure.axes) == ["translation", "rotation", "flip"]
    for axis, family in zip(figure.axes, ("translation", "rotation", "flip"), strict=True):
        scores = [layer.score(family) for layer in found]
        assert [list(line.get_xdata()) for line in axis.lines] == [[1, 2]] * 2
        assert [list(line.get_ydata()) for line in axis.lines] == [pytest.approx(scores)] * 2
        (band,) = axis.collections
        assert isinstance(band, PolyCollection)
        assert to_hex(band.get_facecolor()[0]) == to_hex(axis.lines[1].get_color())
        assert axis.get_ylim()[0] == 0


def test_bars_of_correlations_are_means_with_deviations_between_0_and_1() -> None:
    (found,) = outgoing_correlations(network(), [images(1)])
    (axis,) = correlation().axes
    records = found.records()
    assert [bar.get_height() for bar in axis.patches] == [  # type: ignore[attr-defined]
        pytest.approx(record["mean"]) for record in records
    ]
    for record, whisker in zip(records, axis.collections, strict=True):
        ((_, low), (_, high)) = whisker.get_paths()[0].vertices
        assert (low + high, high - low) == pytest.approx((2 * record["mean"], 2 * record["std"]))
    assert [label.get_text() for label in axis.get_xticklabels()] == [found.layer]
    assert axis.get_ylim() == (0, 1)


def test_class_maps_lie_over_the_picture_with_the_class_that_they_are_for() -> None:
    found = grad_cam(network(), images(2), layer="4")
    rows = np.array(cam().axes).reshape(2, 3)
    for number, (first, *others) in enumerate(rows):
        picture = images(2)[number]
        low, high = float(picture.min()), float(picture.max())
        np.testing.assert_allclose(pixels(first), scaled(picture, low, high).permute(1, 2, 0), atol=1e-5)
        name = ("cat", "dog")[int(found.target[number])]
        assert titles([first, *others]) == ["image", f"ReLU: {name}", f"AReLU: {name}"]
        for axis in others:
            np.testing.assert_allclose(pixels(axis), scaled(picture.mean(0), low, high), atol=1e-5)
            np.testing.assert_allclose(pixels(axis, 1), found.upsampled((12, 12))[number], atol=1e-5)


def test_maps_before_and_after_share_one_scale() -> None:
    (found, *_) = feature_maps(network(), images(2))
    before, after = np.array(maps().axes).reshape(2, 8)
    bound = float(torch.cat([found.before[0], found.after[0]]).abs().max())
    assert titles([*before, *after]) == [*(f"before, {place}" for place in range(4)), *[""] * 4] + [
        f"after, {place}" for place in range(8)
    ]
    assert not any(axis.images or axis.axison for axis in before[4:])
    for axes, planes in ((before[:4], found.before[0]), (after, found.after[0])):
        for axis, plane in zip(axes, planes, strict=True):
            np.testing.assert_allclose(pixels(axis), scaled(plane, -bound, bound), atol=1e-5)


def test_segmentations_cover_what_was_found_and_outline_what_is_there() -> None:
    rows = np.array(segmentation().axes).reshape(2, 3)
    assert [titles(row) for row in rows] == [["image", "ReLU, 1", "ReLU, 2"], ["image", "AReLU, 1", "AReLU, 2"]]
    mask = np.zeros((12, 12), bool)
    mask[2:5, 2:9] = True
    areas = [[None if len(axis.images) < 2 else ~np.ma.getmaskarray(pixels(axis, 1)) for axis in row] for row in rows]
    assert areas[0][0] is areas[1][0] is areas[1][2] is None
    np.testing.assert_array_equal(areas[0][1], mask)
    np.testing.assert_array_equal(areas[0][2], ~mask)
    np.testing.assert_array_equal(areas[1][1], mask)
    for axis in rows.ravel():
        (outline,) = axis.collections
        assert isinstance(outline, ContourSet)
        # Half way between the pixels inside and those outside.
        left, bottom, right, top = np.array(outline.get_datalim(axis.transData).extents)
        assert (left, bottom, right, top) == (1.5, 1.5, 8.5, 4.5)


def test_nothing_to_find_has_no_outline() -> None:
    nothing = torch.zeros(12, 12, dtype=torch.bool)
    figure = segmentation_figure(images(1)[0], nothing, {"ReLU": {"1": nothing}})
    assert not any(axis.collections for axis in figure.axes)


def test_nan_leaves_gaps() -> None:
    batch = -images(1)
    batch[0, 0, 3, 5] = math.nan
    (found,) = feature_maps(nn.ReLU(), batch)
    figure = feature_maps_figure(found)
    gaps = [np.argwhere(np.ma.getmaskarray(pixels(axis))).tolist() for axis in figure.axes]
    assert gaps == [[[3, 5]], [], []] * 2
    bound = float(batch.nan_to_num(0.0).abs().max())
    assert bound > float(batch.nan_to_num(0.0).max())
    np.testing.assert_allclose(pixels(figure.axes[1]), scaled(batch[0, 1], -bound, bound), atol=1e-5)


def test_mosaics_of_all_ranks() -> None:
    assert tuple(mosaic(torch.zeros(5)).shape) == (1, 5)
    assert tuple(mosaic(torch.zeros(2, 5)).shape) == (2, 5)
    assert tuple(mosaic(torch.zeros(1, 2, 5)).shape) == (2, 5)
    assert tuple(mosaic(torch.zeros(4, 3, 2, 5)).shape) == (12, 10)
    assert int(mosaic(torch.zeros(5, 2, 2)).isnan().sum()) == 4


def test_a_number_of_each_layer_is_a_line_of_means_with_gaps_where_a_network_lacks_it() -> None:
    figure = by_layer_figure({"ReLU": [[1.0, 3.0], [4.0, 4.0]], "ConvReLU": [[], [5.0]]}, "zeros, %")
    (axis,) = figure.axes
    first, second = (np.asarray(line.get_ydata(), dtype=float) for line in axis.lines)
    np.testing.assert_array_equal(first, [2.0, 4.0])
    np.testing.assert_array_equal(second, [math.nan, 5.0])
    assert (axis.get_xlabel(), axis.get_ylabel()) == ("activation, in forward order", "zeros, %")
