"""Figure 9: what UNet with ReLU and AReLU segments after 2,000 to 10,000 iterations."""

from __future__ import annotations

from pathlib import Path

from ...core.wording import plural
from ...experiments.experiment import Arm, Experiment, Preset
from ..published import load_published
from . import PAPER
from .segmentation import PROTOCOL, ROWS, SETTINGS

AS_PUBLISHED, IN_SMALL = (9, 19, 28, 38, 47), (1, 2, 5)


def _columns(counts: tuple[int, ...]) -> tuple[Arm, ...]:
    """Make a column for each number of epochs."""
    return tuple(Arm(plural(count, "epoch"), {"epochs": count}) for count in counts)


def _labels(counts: tuple[int, ...]) -> tuple[str, ...]:
    return tuple(column.label for column in _columns(counts))


experiment = Experiment(
    name="arelu/figure9",
    title="Segmentations over the iterations",
    paper=PAPER,
    settings=SETTINGS,
    rows=ROWS,
    columns=(*_columns(IN_SMALL), *_columns(AS_PUBLISHED)),
    presets={
        "smoke": Preset(
            note="Noise in the shape of two patients and a sixteenth of the features: does it run at all?",
            settings={"dataset": "generated:lgg-prepared", "network_args": {"features": 2}, "train_size": 2},
            seeds=1,
            columns=_labels(IN_SMALL[:2]),
        ),
        "pocket": Preset(
            note="40 patients, up to 5 epochs and a quarter of the features, three seeds.",
            settings={"network_args": {"features": 8}, "lr": 1e-3, "train_size": 40},
            seeds=3,
            columns=_labels(IN_SMALL),
        ),
        "paper": Preset(
            note="The first 47 of the 100 epochs; as published, as far as the paper states it.",
            columns=_labels(AS_PUBLISHED),
            comparable=True,
        ),
    },
    published=load_published(Path(__file__).with_suffix(".toml")),
    deviations=(
        *PROTOCOL,
        "The paper shows the networks after 2,000 to 10,000 iterations. An epoch has at most 211 here, so ours are "
        "those after 9, 19, 28, 38 and 47 epochs, that is about 1,900 to 9,900 iterations. Each is a separate run "
        "that begins with the same steps as the longer ones.",
        "The paper does not say which image is shown; ours is the test image with the most diseased pixels.",
    ),
    runs="arelu/segmentation",
    analysis="segmentations",
    figures=(),
    gpu="50 runs of 9 to 47 epochs of slices of 256×256",
)
