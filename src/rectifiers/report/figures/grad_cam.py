"""Where networks look, as in Figure 4 of the AReLU paper."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure
from torch import Tensor

from ...analysis.class_activation import GradCAM
from .canvas import look
from .tiles import tile


def grad_cam_figure(images: Tensor, found: Mapping[str, GradCAM], classes: Sequence[str] = (), most: int = 6) -> Figure:
    """One row for each image: the image, then each network's map over it, with the class that it is for.

    Args:
        images: (N, C, H, W), the originals.
        found: the maps of each network by its label.
        classes: names of the classes.
        most: images to show.
    """
    shown = images[:most].float().cpu()
    maps = {label: cam.upsampled(images.shape[-2:]) for label, cam in found.items()}
    with look():
        figure = Figure(figsize=(1.5 * (len(found) + 1), 1.6 * len(shown)), layout="constrained")
        grid = figure.subplots(len(shown), len(found) + 1, squeeze=False)
        for number, (image, axes) in enumerate(zip(shown, grid, strict=True)):
            low, high = float(image.min()), float(image.max())
            tile(axes[0], image, low=low, high=high, title="image")
            for axis, (label, cam) in zip(axes[1:], found.items(), strict=True):
                target = int(cam.target[number])
                name = classes[target] if classes else f"class {target}"
                # The map lies over the picture without its colours.
                tile(axis, image.mean(0), low=low, high=high, title=f"{label}: {name}")
                axis.imshow(maps[label][number].numpy(), cmap="inferno", alpha=0.6, vmin=0, vmax=1)
    return figure
