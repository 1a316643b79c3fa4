"""Figure 6: how ConvReLU's learned thresholds are distributed in DenseNet-40."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from ...experiments.experiment import Arm, Experiment
from ..published import load_published
from . import PAPER
from .images import CIFAR10, CONVRELU, DENSENET, FIRST, PRESETS, PROTOCOL, SETTINGS

experiment = Experiment(
    name="convrelu/figure6",
    title="ConvReLU's learned thresholds",
    paper=PAPER,
    settings=SETTINGS,
    rows=(Arm("ConvReLU", {**CONVRELU, "where": FIRST}),),
    columns=(CIFAR10,),
    presets={**PRESETS, "smoke": replace(PRESETS["smoke"], seeds=2)},
    baseline="ConvReLU",
    published=load_published(Path(__file__).with_suffix(".toml")),
    deviations=(
        *DENSENET,
        *PROTOCOL,
        "The paper does not say on which data the network was trained, nor which layers the histogram covers; "
        "ours is ConvReLU of Table 1 on CIFAR-10, with all layers.",
    ),
    runs="convrelu/images",
    analysis="parameters",
    figures=("curves",),
    gpu="5 runs of 350 epochs of 50,000 images",
)
