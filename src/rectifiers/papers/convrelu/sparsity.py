"""Partial replacement: how sparse the features stay, and how many units are dead, under each of six functions."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from ...experiments.experiment import Experiment
from ..published import load_published
from . import PAPER
from .images import CIFAR10, DENSENET, FUNCTIONS, PRESETS, PROTOCOL, SETTINGS

experiment = Experiment(
    name="convrelu/sparsity",
    title="Sparsity and dead units",
    paper=PAPER,
    settings=SETTINGS,
    rows=FUNCTIONS,
    columns=(CIFAR10,),
    presets={**PRESETS, "smoke": replace(PRESETS["smoke"], seeds=2)},
    published=load_published(Path(__file__).with_suffix(".toml")),
    deviations=(
        *DENSENET,
        *PROTOCOL,
        "The paper argues from sparsity and dead ReLUs and measures neither; we count both on test images, in the "
        "networks of Table 1 on CIFAR-10.",
    ),
    runs="convrelu/images",
    analysis="sparsity",
    figures=("curves",),
    gpu="30 runs of 350 epochs of 50,000 images, those of Table 1",
)
