"""What networks segment, one after the other (AReLU, Figure 9)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from ...training.tasks import Segmentation
from ..figures import segmentation_figure
from .layers import paired, signs
from .networks import Look, Trained
from .section import Cell, Estimate, Grid, Picture, Section

TEXT = (
    "The test image with the most diseased pixels, as each network segments it. The numbers are the Dice coefficient "
    "of this one image, in percent; that of all test patients is the accuracy of the trainings. Means over the seeds "
    "with 95 % t-intervals, differences paired by seed."
)


def segmentations(looks: Sequence[Look]) -> Iterator[Section]:
    """One image and its segmentations: a row for each function, a column for each column of the experiment."""
    if not looks:
        return
    baseline = looks[0].experiment.baseline
    rows = list(looks[0].rows)
    others = [row for row in rows if row != baseline]
    image, mask = _image(next(iter(looks[0].firsts.values())))
    shown: dict[str, dict[str, Tensor]] = {row: {} for row in rows}
    lines: list[tuple[Cell, ...]] = []
    records = []
    for look in looks:
        dice: dict[str, dict[int, float]] = {row: {} for row in rows}
        for row, seeds in look.rows.items():
            for seed, trained in seeds.items():
                logits = _segment(trained)
                shown[row].setdefault(look.column, logits[0] > 0)
                dice[row][seed] = 100 * Segmentation().right(logits[None], mask[None])
                records.append({"column": look.column, "row": row, "seed": seed, "dice": dice[row][seed]})
        apart = (paired(dice[row], dice[baseline]) for row in others)
        lines.append((look.column, *(Estimate.of(seeds.values()) for seeds in dice.values()), *apart))
    grid = Grid(("after", *rows, *(f"{row} − {baseline}" for row in others)), tuple(lines), 1)
    figure = segmentation_figure(image, mask[0] > 0, shown)
    caption = "The image with its mask as an outline, and what the first seed's networks find"
    yield Section(
        "Segmentations of one image",
        TEXT,
        signs(grid, what="cases"),
        (grid,),
        (Picture("segmentations.png", caption, figure),),
        tuple(records),
    )


def _image(trained: Trained) -> tuple[Tensor, Tensor]:
    """The image, as the network takes it, and its mask."""
    place = int(trained.batches.targets.flatten(1).sum(1).argmax())
    raw = trained.batches.split.take(slice(place, place + 1))
    return trained.batches.normalise(raw)[0], trained.batches.targets[place]


def _segment(trained: Trained) -> Tensor:
    """The logits of the image, (1, H, W)."""
    with torch.inference_mode():
        logits: Tensor = trained.net(_image(trained)[0][None])[0]
    return logits
