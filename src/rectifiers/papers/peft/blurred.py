"""Blurred images: a network trained on CIFAR-10, frozen except for a few numbers, adapts to them."""

from __future__ import annotations

from ...experiments.experiment import Column, Experiment, Preset
from . import PAPER
from .rows import COUNTED, DEVIATIONS, FULL_NOTE, SETTINGS, SMALL, SMALL_NOTE, SMOKE, rows

experiment = Experiment(
    name="peft/blurred",
    title="From sharp images to blurred ones by a few numbers of a frozen network",
    paper=PAPER,
    settings={**SETTINGS, "dataset": "cifar10-gaussian"},
    rows=rows(head=False),
    columns=(Column("blurred", {}), COUNTED),
    presets={
        "smoke": SMOKE,
        "pocket": Preset(note=SMALL_NOTE, settings=SMALL, seeds=10),
        "full": Preset(note=FULL_NOTE, seeds=10),
    },
    baseline="Head",
    deviations=DEVIATIONS,
    figures=(),
)
