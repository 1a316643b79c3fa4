"""One image as each network segments it (AReLU, Figure 9)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from ...training.tasks import Segmentation
from ..figures.segmentation import segmentation_figure
from .layers import count_signs, paired_difference
from .networks import ColumnNetworks, TrainedNetwork
from .section import CaptionedFigure, Grid, GridEntry, Section, SeedMean

TEXT = (
    "The test image with the most diseased pixels, as each network segments it. The numbers are the Dice coefficient "
    "of this one image, in percent; that of all test patients is the accuracy of the runs. Means over the seeds with "
    "95 % t-intervals, differences paired by seed."
)


def segmentations(columns: Sequence[ColumnNetworks]) -> Iterator[Section]:
    """Show one image and its segmentations, a row for each function and a column for each column of the experiment."""
    if not columns:
        return
    baseline = columns[0].experiment.baseline
    rows = list(dict.fromkeys(row for column in columns for row in column.rows))
    others = [row for row in rows if row != baseline] if baseline in rows else []
    image, mask = _image(next(network for column in columns for network in column.first_seeds.values()))
    task = Segmentation()
    shown: dict[str, dict[str, Tensor]] = {row: {} for row in rows}
    lines: list[tuple[GridEntry, ...]] = []
    records = []
    for column in columns:
        dice: dict[str, dict[int, float]] = {row: {} for row in rows}
        for row, seeds in column.rows.items():
            for seed, network in seeds.items():
                logits = _segment(network)
                shown[row].setdefault(column.label, logits[0] > 0)
                dice[row][seed] = task.score(task.tally(logits[None], mask[None]))
                records.append({"column": column.label, "row": row, "seed": seed, "dice": dice[row][seed]})
        apart = (paired_difference(dice[row], dice[baseline]) for row in others)
        lines.append((column.label, *(SeedMean.of(seeds.values()) for seeds in dice.values()), *apart))
    grid = Grid(("after", *rows, *(f"{row} − {baseline}" for row in others)), tuple(lines), 1)
    figure = segmentation_figure(image, mask[0] > 0, shown)
    caption = "The image with the true mask outlined, and what the first seed's networks find"
    yield Section(
        "Segmentations of one image",
        TEXT,
        count_signs(grid, what="cases"),
        (grid,),
        (CaptionedFigure("segmentations.png", caption, figure),),
        tuple(records),
    )


def _image(network: TrainedNetwork) -> tuple[Tensor, Tensor]:
    """Pick the image, as the network takes it, and its mask."""
    index = int(network.batches.targets.flatten(1).sum(1).argmax())
    raw = network.batches.split.take(slice(index, index + 1))
    return network.batches.normalise(raw)[0], network.batches.targets[index]


def _segment(network: TrainedNetwork) -> Tensor:
    """Compute the logits of the image, (1, H, W)."""
    with torch.inference_mode():
        logits: Tensor = network.net(_image(network)[0][None])[0]
    return logits
