"""Figure 2: AReLU on MNIST from eight starting values of α and β, and how both move."""

from __future__ import annotations

from pathlib import Path

from ...experiments.experiment import Arm, Experiment, Preset
from ..published import load_published
from . import PAPER
from .mnist import COLUMNS, PROTOCOL, SETTINGS

STARTS = ((0.01, 2.0), (0.25, -1.0), (0.25, 1.0), (0.5, 0.0), (0.75, -1.0), (0.75, 1.0), (0.99, -2.0), (0.99, 2.0))


def _label(alpha: float, beta: float) -> str:
    return f"α={alpha:g} β={beta:g}"


SHOWN_START = _label(0.25, 1.0)
"""The start whose α and β the paper plots over time."""

experiment = Experiment(
    name="arelu/figure2",
    title="AReLU from eight starting values of α and β",
    paper=PAPER,
    settings={**SETTINGS, "activation": "arelu", "epochs": 20, "trace_points": 20},
    rows=tuple(Arm(_label(a, b), {"activation_args": {"alpha": a, "beta": b}}) for a, b in STARTS),
    columns=tuple(column for column in COLUMNS if column.label == "SGD 1e-2"),
    presets={
        "smoke": Preset(
            note="512 images, two seeds, two starts: does it run at all?",
            settings={"epochs": 2, "train_size": 512},
            seeds=2,
            rows=(SHOWN_START, _label(0.99, 2.0)),
        ),
        "pocket": Preset(
            note="Five epochs of a tenth of the images, three seeds: all starts in minutes.",
            settings={"epochs": 5, "train_size": 6_000},
            seeds=3,
        ),
        "paper": Preset(note="20 epochs of all images; as published, as far as the paper states it.", comparable=True),
    },
    baseline=SHOWN_START,
    margin=0.1,
    published=load_published(Path(__file__).with_suffix(".toml")),
    deviations=(
        *PROTOCOL,
        "The paper does not say which optimizer, learning rate and numbers of epochs and runs the figure was made "
        "with; SGD at 1e-2, 20 epochs and five seeds are our choice.",
        "The paper prints curves, not numbers.",
    ),
    figures=("curves", "shapes", "traces"),
)
