"""Table of section 4.2: accuracy of VGG-16 and VGG-19 on CIFAR-10 before and after PVLU's fine-tuning."""

from __future__ import annotations

from pathlib import Path

from ...experiments.experiment import Arm, Experiment
from ..published import load_published
from . import PAPER
from .finetuning import NEEDS, PRESETS, PROTOCOL, ROWS, SETTINGS

experiment = Experiment(
    name="pvlu/vgg",
    title="VGG fine-tuned by PVLU",
    paper=PAPER,
    settings={**SETTINGS, "dataset": "cifar10"},
    rows=ROWS,
    columns=(
        Arm("VGG-16", {"network": "vgg-16-imagenet"}),
        Arm("VGG-19", {"network": "vgg-19-imagenet"}),
    ),
    presets=PRESETS,
    published=load_published(Path(__file__).with_suffix(".toml")),
    deviations=(
        "The paper trains the last layers with ReLU to convergence, freezes all weights and puts PVLU everywhere; "
        "ours trains the linear layers for 15 epochs, and α and β for 15 more.",
        *PROTOCOL,
    ),
    needs=NEEDS,
    gpu="20 trainings of VGG on images of 224×224",
)
