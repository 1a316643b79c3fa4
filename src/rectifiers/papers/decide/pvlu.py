"""PVLU's fine-tuning against the same time for slopes, for norms, for the head, and for the whole network."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ...experiments.experiment import Arm, Experiment, Preset
from ...experiments.power import Power
from ..published import load_published
from . import PAPER
from .small import ASSUMPTIONS, NOTE, SETTINGS, SMOKE

RELU: dict[str, Any] = {"activation": "relu"}
AFTER: dict[str, Any] = {
    "optimizer": "adam",
    "momentum": 0.0,
    "nesterov": False,
    "weight_decay": 0.0,
    "lr": 1e-3,
    "schedule": "milestones",
    "warmup_epochs": 0,
    "epochs": 3,
}
"""Settings of the further training: those of the paper's fine-tuning, as far as it states them."""


def _after(label: str, trained: str, **changes: Any) -> Arm:
    return Arm(label, {**RELU, **AFTER, **changes, "trained": trained, "start": RELU})


ROWS = (
    Arm("ReLU", RELU),
    _after("All weights", "all"),
    _after("All weights at 1e-5", "all", lr=1e-5),
    _after("Head", "head"),
    _after("Norms", "activations and norms"),
    _after("PReLU", "activations", activation="prelu", activation_args={"share": "channel", "a": 0.0}),
    _after("PVLU", "activations", activation="pvlu", activation_args={"alpha": 0.0, "beta": 1.0}),
)

experiment = Experiment(
    name="decide/pvlu",
    title="What PVLU's fine-tuning gains beside its controls",
    paper=PAPER,
    settings=SETTINGS,
    rows=ROWS,
    columns=(Arm("CIFAR-10", {}),),
    presets={
        "smoke": Preset(note="64 digits: does it run at all?", settings=SMOKE, seeds=2),
        "pocket": Preset(note=f"{NOTE}, then 3 epochs of each kind of fine-tuning; 13 seeds: hours.", seeds=13),
    },
    published=load_published(Path(__file__).with_suffix(".toml")),
    power=Power(
        effect=1.08,
        spread=0.6,
        source="of PVLU − ReLU in `results/pvlu-vgg`, 3 pairs: 0.63 in VGG-16, 0.31 in VGG-19",
    ),
    deviations=(
        *ASSUMPTIONS,
        "All fine-tuning starts from the same trained network, and takes the same time: Adam at 1e-3 for 3 epochs, "
        "with the augmentation that the network was trained with. The row of ReLU is not trained further.",
        "All weights at 1e-5 was added when the others had been run, for Adam at 1e-3 leaves the minimum.",
        "Normalisation that is not trained keeps its running statistics as well.",
    ),
)
