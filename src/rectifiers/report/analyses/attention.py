"""Where networks look (AReLU, Figure 4)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch

from ...analysis.inside.class_activation import GradCAM, grad_cam
from ..figures import grad_cam_figure
from .layers import each_network, layer_grid, records, signs
from .look import Look, Trained
from .section import Estimate, Picture, Section

TEXT = (
    "Grad-CAM at the first activation, as the paper shows it, and at the last with a map, for the class that is right. "
    "The numbers say how narrow the maps are: the share of a map's weight in its largest tenth, mean over {count} "
    "test images; a map that is the same everywhere has about 0.1. Whether what is narrow lies on the object "
    "only the pictures can tell: no data say where it is. Means over the seeds with 95 % t-intervals, differences "
    "paired by seed."
)

IMAGES = 250

SHOWN = 6


def attention(looks: Sequence[Look]) -> Iterator[Section]:
    """Maps of one image of each of the first classes, and how narrow those of many are."""
    for look in looks:
        found = each_network(look, _maps)
        grid = layer_grid(found, look.experiment.baseline, _focus)
        images, labels = next(iter(look.firsts.values())).images(IMAGES)
        chosen = torch.stack([(labels == label).nonzero()[0, 0] for label in labels.unique()[:SHOWN]])
        pictures = []
        for place, where in enumerate(("first", "last")):
            shown = {}
            for row, trained in look.firsts.items():
                layer = found[row][min(found[row])][place].layer
                own = trained.images(IMAGES)[0][chosen]
                shown[row] = grad_cam(trained.net, own, layer=layer, target=labels[chosen])
            figure = grad_cam_figure(images[chosen], shown, look.classes)
            pictures.append(Picture(f"grad-cam-{where}.png", f"Grad-CAM at the {where} activation, first seed", figure))
        yield Section(
            look.heading("Where networks look"),
            TEXT.format(count=len(labels)),
            signs(grid),
            (grid,),
            tuple(pictures),
            records(found),
        )


def _maps(trained: Trained) -> list[GradCAM]:
    """Maps at the first activation and at the last."""
    images, labels = trained.images(IMAGES)
    return [grad_cam(trained.net, images, layer=layer, target=labels) for layer in (trained.first_activation, None)]


def _focus(maps: GradCAM) -> float:
    """Mean over the images whose map is not empty."""
    values = [float(record["focus"]) for record in maps.records()]
    return Estimate.of(values).mean
