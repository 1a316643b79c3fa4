"""Table 4: test accuracy of ConvReLU with thresholds that start at zero, at random, and as Glorot's weights."""

from __future__ import annotations

from pathlib import Path

from ...experiments.experiment import Arm, Experiment
from ..published import load_published
from . import PAPER
from .images import CIFAR10, CIFAR100, CONVRELU, DENSENET, FIRST, PRESETS, PROTOCOL, SETTINGS

IN_FIRST = {**CONVRELU, "where": FIRST}

STARTS = (
    Arm("Zero Init", IN_FIRST),
    Arm("Random Init", {**IN_FIRST, "activation_args": {"threshold_init": "random"}}),
    Arm("Glot Init", {**IN_FIRST, "activation_args": {"threshold_init": "glorot"}}),
)

experiment = Experiment(
    name="convrelu/table4",
    title="ConvReLU's thresholds from three starts",
    paper=PAPER,
    settings=SETTINGS,
    rows=STARTS,
    columns=(CIFAR10, CIFAR100),
    presets=PRESETS,
    baseline="Zero Init",
    published=load_published(Path(__file__).with_suffix(".toml")),
    deviations=(
        *DENSENET,
        *PROTOCOL,
        "Glorot's variance is 2 / (inputs + outputs) in channels, as printed, without the taps that it usually counts.",
        "The paper does not say how wide the random start is; ours is normal with a standard deviation of 0.01.",
    ),
    runs="convrelu/images",
    gpu="30 runs of 350 epochs of 50,000 images",
)
