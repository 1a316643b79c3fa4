"""What CReLU's output keeps of an image: its projection onto the shifts of the filters (CReLU, Proposition 2.1)."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from matplotlib.figure import Figure
from torch import Tensor, nn

from ...activations import create
from ...analysis.inside.reconstruction import reconstruct
from ..figures.projection import projection_figure
from .networks import ColumnNetworks, TrainedNetwork, first_convolution, middles
from .section import CaptionedFigure, Grid, GridEntry, Section, SeedMean

IMAGES, SIDE = 16, 8
"""Images, and the length of the side to which their middle is cropped, so that dense linear algebra can follow."""

TEXT = (
    "The middle {side}×{side} pixels of {count} test images go through the first convolution and CReLU, and are "
    "reconstructed from what comes out. Kept is the length of an image's projection onto the span of the filters' "
    "shifts, found by dense linear algebra, in shares of the image's length; off is how far the reconstruction is from "
    "that projection, in shares of it: 0 but for rounding, if the proposition holds. Means over the seeds with 95 % "
    "t-intervals."
)

CAPTION = "first seed: the middle of an image, its projection onto the filters, and what comes back"


@dataclass(frozen=True)
class Kept:
    """What came back of the images of one network.

    Args:
        share: length of the projections in shares of the images', mean over the images.
        off: distance of the reconstructions from the projections, in shares of these, mean over the images.
        images: the images, (N, C, H, W).
        projected: their projections.
        back: their reconstructions.
    """

    share: float
    off: float
    images: Tensor
    projected: Tensor
    back: Tensor


def projection(columns: Sequence[ColumnNetworks]) -> Iterator[Section]:
    """Compare what is reconstructed from the first layer with the projection onto its filters."""
    for column in columns:
        found = {row: {seed: _measure(net) for seed, net in seeds.items()} for row, seeds in column.rows.items()}
        lines: list[tuple[GridEntry, ...]] = [
            (row, SeedMean.of(one.share for one in seeds.values()), SeedMean.of(one.off for one in seeds.values()))
            for row, seeds in found.items()
        ]
        yield Section(
            column.heading("What comes back from the first layer"),
            TEXT.format(side=SIDE, count=IMAGES),
            "",
            (Grid(("function", "kept", "off"), tuple(lines), 6),),
            tuple(
                CaptionedFigure(f"projection-{row.lower()}.png", f"{row}, {CAPTION}", _figure(seeds))
                for row, seeds in found.items()
            ),
            tuple(
                {"row": row, "seed": seed, "kept": one.share, "off": one.off}
                for row, seeds in found.items()
                for seed, one in seeds.items()
            ),
        )


def _figure(seeds: Mapping[int, Kept]) -> Figure:
    first = seeds[min(seeds)]
    return projection_figure(first.images, first.projected, first.back)


def _measure(network: TrainedNetwork) -> Kept:
    images = middles(network.images(IMAGES)[0], SIDE, SIDE)
    layer = first_convolution(network)
    (back,) = reconstruct(nn.Sequential(layer, create("crelu")), images, tolerance=1e-14, iterations=2000)
    projected = _project(layer, images)
    length = projected.flatten(1).norm(dim=1)
    share = length / images.double().flatten(1).norm(dim=1)
    off = (back.images - projected).flatten(1).norm(dim=1) / length
    return Kept(float(share.mean()), float(off.mean()), images, projected, back.images)


def _project(layer: nn.Conv2d, images: Tensor) -> Tensor:
    """The orthogonal projection of images onto the span of a convolution's shifted filters."""
    shape = images.shape[1:]
    layer = copy.deepcopy(layer).double()
    pixels = torch.eye(shape.numel(), dtype=torch.float64).view(-1, *shape)
    with torch.no_grad():
        # Each column is a shifted filter.
        shifts = (layer(pixels) - layer(torch.zeros_like(pixels[:1]))).flatten(1)
    projected: Tensor = images.double().flatten(1) @ shifts @ torch.linalg.pinv(shifts)
    return projected.view_as(images)
