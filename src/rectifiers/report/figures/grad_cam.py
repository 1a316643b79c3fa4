"""Where networks look, as in Figure 4 of the AReLU paper."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure
from torch import Tensor

from ...analysis.inside.class_activation import GradCAM
from .canvas import drawing_style
from .tiles import image_rows, tile


def grad_cam_figure(images: Tensor, found: Mapping[str, GradCAM], classes: Sequence[str] = (), most: int = 6) -> Figure:
    """Draw a row for each image: the image, then each network's map over it, with the class that it is for.

    Args:
        images: the originals, (N, C, H, W).
        found: the maps of each network by its label.
        classes: names of the classes.
        most: images to show.
    """
    shown = images[:most].float().cpu()
    maps = {label: cam.upsampled(images.shape[-2:]) for label, cam in found.items()}
    with drawing_style():
        figure, rows = image_rows(shown, len(found), width=1.5, height=1.6)
        for number, (axes, low, high) in enumerate(rows):
            for axis, (label, cam) in zip(axes, found.items(), strict=True):
                target = int(cam.target[number])
                name = classes[target] if classes else f"class {target}"
                # The map lies over the image in grey.
                tile(axis, shown[number].mean(0), low=low, high=high, title=f"{label}: {name}")
                axis.imshow(maps[label][number].numpy(), cmap="inferno", alpha=0.6, vmin=0, vmax=1)
    return figure
