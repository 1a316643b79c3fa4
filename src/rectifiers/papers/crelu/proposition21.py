"""Proposition 2.1: what of an image the first filters span comes back from CReLU's output, trained or not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from ...experiments.experiment import Arm, Experiment
from ..published import load_published
from . import PAPER
from .trained_networks import CIFAR10, CRELU, small_presets

BEFORE = "Before training"
UNTRAINED = {"epochs": 0, "milestones": ()}

experiment = Experiment(
    name="crelu/proposition21",
    title="What CReLU keeps of an image",
    paper=PAPER,
    rows=(CRELU,),
    columns=(Arm(BEFORE, {**CIFAR10.settings, **UNTRAINED}), CIFAR10),
    presets={
        name: replace(preset, columns={BEFORE: {**settings, **UNTRAINED}, CIFAR10.label: settings})
        for name, preset in small_presets("ConvPool-CNN-C with CReLU").items()
        for settings in [preset.changes(CRELU, CIFAR10)[-1]]
    },
    baseline="CReLU",
    published=load_published(Path(__file__).with_suffix(".toml")),
    deviations=("The proposition is about vectors; images are cropped, so that dense linear algebra can check it.",),
    runs="crelu/all-cnn",
    analysis="projection",
    figures=("curves",),
)
