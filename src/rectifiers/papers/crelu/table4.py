"""Table 4: error of All-CNN-B with CReLU and AVR in more and more layers on ImageNet."""

from __future__ import annotations

from pathlib import Path

from ...experiments.experiment import Arm, Experiment, Preset
from ..published import load_published
from . import PAPER
from .imagenet import PROTOCOL

RANGES = ("conv1–4", "conv1–7", "conv1–9")

ROWS = (
    Arm("Baseline", {"activation": "relu"}),
    *(Arm(f"AVR ({layers})", {"activation": "avr"}) for layers in RANGES),
    *(Arm(f"CReLU ({layers})", {"activation": "crelu"}) for layers in ("conv1,4,7", *RANGES, "all")),
)

experiment = Experiment(
    name="crelu/table4",
    title="CReLU and AVR in All-CNN-B on ImageNet",
    paper=PAPER,
    settings={
        "dataset": "imagenet",
        "network": "all-cnn-b",
        "optimizer": "sgd",
        "lr": 0.01,
        "momentum": 0.9,
        "weight_decay": 5e-4,
        "batch_size": 128,
        "epochs": 90,
        "milestones": (30, 60),
        "normalise": "standard",
    },
    rows=ROWS,
    columns=tuple(Arm(label, {}) for label in ("top-1", "top-5", "top-1†", "top-5†")),
    presets={"paper": Preset(note="As published, as far as the paper tells.", seeds=1, comparable=True)},
    baseline="Baseline",
    published=load_published(Path(__file__).with_suffix(".toml")),
    deviations=(
        *PROTOCOL,
        "In the text that we have, the rows' labels stand apart from their numbers. The order here fits all four rows "
        "that Table 5 repeats, and what the text says of the others.",
    ),
    needs=("activations by place", "top-5", "10 patches"),
    gpu="9 trainings of 90 epochs of 1.3 million images",
)
