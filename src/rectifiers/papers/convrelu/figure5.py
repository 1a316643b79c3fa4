"""Figure 5: test accuracy of six functions on CIFAR-100 over the epochs, from the runs of Table 1."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from ...experiments.experiment import Experiment
from ..published import load_published
from . import PAPER
from .functions import COMPARED_FUNCTIONS
from .images import CIFAR100, DENSENET, FUNCTIONS, ON_CIFAR10, ON_DIGITS, PRESETS, PROTOCOL, SETTINGS

experiment = Experiment(
    name="convrelu/figure5",
    title="Six functions on CIFAR-100 over the epochs",
    paper=PAPER,
    settings=SETTINGS,
    rows=FUNCTIONS,
    columns=(CIFAR100,),
    presets={
        "smoke": replace(PRESETS["smoke"], columns={"Cifar100": ON_DIGITS}),
        "pocket": replace(PRESETS["pocket"], columns={"Cifar100": ON_CIFAR10}),
        "paper": PRESETS["paper"],
    },
    published=load_published(Path(__file__).with_suffix(".toml")),
    deviations=(
        *DENSENET,
        *PROTOCOL,
        *COMPARED_FUNCTIONS,
        "The paper prints curves; the numbers are those that its text gives for them.",
    ),
    runs="convrelu/images",
    figures=("curves",),
    gpu="30 runs of 350 epochs of 50,000 images",
)
