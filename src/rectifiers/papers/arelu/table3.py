"""Table 3: best and mean test accuracy of 19 functions in three networks on CIFAR-10."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ...experiments.experiment import Aggregate, Column, Experiment, Preset
from ..published import load_published
from . import PAPER
from .cifar import FUNCTIONS, ON_CIFAR10, POCKET, PROTOCOL, SMOKE
from .functions import IMPROVEMENTS
from .mnist import COMPARED_FUNCTIONS

NETWORKS = {"VGG-11": "vgg-11", "ResNet-18": "resnet-18", "MobileNet": "mobilenet"}
AGGREGATES: tuple[Aggregate, ...] = ("best", "mean")


def _columns(*labels: str, **settings: Any) -> dict[str, dict[str, Any]]:
    """Give the columns of some networks what a preset sets there."""
    return {f"{label} {aggregate}": settings for label in labels for aggregate in AGGREGATES}


experiment = Experiment(
    name="arelu/table3",
    title="19 functions in three networks on CIFAR-10",
    paper=PAPER,
    settings=ON_CIFAR10,
    rows=FUNCTIONS,
    columns=tuple(
        Column(f"{label} {aggregate}", {"network": network}, aggregate=aggregate)
        for label, network in NETWORKS.items()
        for aggregate in AGGREGATES
    ),
    presets={
        "smoke": Preset(
            note="32 digits, three functions and narrow networks: does it run at all?",
            settings={**SMOKE, "dataset": "digits-32"},
            seeds=2,
            rows=("ReLU", "PAU", "AReLU"),
            columns=_columns(*NETWORKS, network_args={"width": 0.0625}),
        ),
        "pocket": Preset(
            note="4,000 images of CIFAR-10, 6 epochs and a VGG-11 with a quarter of the filters, three seeds.",
            settings=POCKET,
            seeds=3,
            columns=_columns("VGG-11", network_args={"width": 0.25}),
        ),
        "paper": Preset(note="As published: 285 runs of 100 epochs.", comparable=True),
    },
    published=load_published(Path(__file__).with_suffix(".toml")),
    leads=IMPROVEMENTS,
    deviations=(
        *PROTOCOL,
        *COMPARED_FUNCTIONS,
        "Weight decay applies to what the five other learnable functions learn, too: APL's, Comb's, PAU's, PReLU's and "
        "SLAF's parameters decay by the same 5e-4. The paper does not say whether they do.",
        "The networks are the variants for images of 32×32. The paper states no augmentation for CIFAR-10; ours pads "
        "by 4, crops at random and flips, and normalises by the mean and deviation of each channel of the training "
        "images, which the paper does not state either.",
    ),
    gpu="285 runs of 100 epochs of 50,000 images",
)
