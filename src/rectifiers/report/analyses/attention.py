"""Where networks look (AReLU, Figure 4)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch

from ...analysis.inside.class_activation import GradCAM, grad_cam
from ..figures.grad_cam import grad_cam_figure
from .layers import count_signs, each_network, layer_grid, records
from .networks import ColumnNetworks, TrainedNetwork
from .section import CaptionedFigure, Section, SeedMean

TEXT = (
    "Grad-CAM for the correct class, at the first activation, as the paper shows it, and at the last one that has a "
    "map. The numbers say how concentrated the maps are: the share of a map's weight that lies in its largest tenth, "
    "averaged over {count} test images; a uniform map has about 0.1. Only the pictures can tell whether a "
    "concentrated map lies on the object, as the data do not say where the object is. Means over the seeds with 95 % "
    "t-intervals, differences paired by seed."
)

IMAGES = 250

SHOWN_CLASSES = 6


def attention(columns: Sequence[ColumnNetworks]) -> Iterator[Section]:
    """Show maps of one image from each of the first classes, and measure how concentrated the maps of many are."""
    for column in columns:
        found = each_network(column, _maps)
        grid = layer_grid(found, column.experiment.baseline, _focus)
        images, labels = next(iter(column.first_seeds.values())).images(IMAGES)
        chosen = torch.stack([(labels == label).nonzero()[0, 0] for label in labels.unique()[:SHOWN_CLASSES]])
        figures = []
        for index, where in enumerate(("first", "last")):
            shown = {}
            for row, network in column.first_seeds.items():
                layer = found[row][min(found[row])][index].layer
                own = network.images(IMAGES)[0][chosen]
                shown[row] = grad_cam(network.net, own, layer=layer, target=labels[chosen])
            figure = grad_cam_figure(images[chosen], shown, column.classes)
            figures.append(
                CaptionedFigure(f"grad-cam-{where}.png", f"Grad-CAM at the {where} activation, first seed", figure)
            )
        yield Section(
            column.heading("Where networks look"),
            TEXT.format(count=len(labels)),
            count_signs(grid),
            (grid,),
            tuple(figures),
            records(found),
        )


def _maps(network: TrainedNetwork) -> list[GradCAM]:
    """Compute the maps at the first activation and at the last."""
    images, labels = network.images(IMAGES)
    return [grad_cam(network.net, images, layer=layer, target=labels) for layer in (network.first_activation, None)]


def _focus(maps: GradCAM) -> float:
    """Average over the images whose map is not empty."""
    values = [float(record["focus"]) for record in maps.records()]
    return SeedMean.of(values).mean
