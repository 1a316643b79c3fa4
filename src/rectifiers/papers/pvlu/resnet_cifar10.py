"""First table of section 4.3: test accuracy of three ResNets on CIFAR-10 before and after PVLU's fine-tuning."""

from __future__ import annotations

from pathlib import Path

from ...experiments.experiment import Arm, Experiment
from ..published import load_published
from . import PAPER
from .finetuning import NEEDS, PRESETS, PROTOCOL, ROWS, SETTINGS

experiment = Experiment(
    name="pvlu/resnet-cifar10",
    title="ResNets fine-tuned by PVLU on CIFAR-10",
    paper=PAPER,
    settings={**SETTINGS, "dataset": "cifar10"},
    rows=ROWS,
    columns=(
        Arm("R50", {"network": "resnet-50-imagenet"}),
        Arm("R101v2", {"network": "resnet-101-v2"}),
        Arm("R152V2", {"network": "resnet-152-v2"}),
    ),
    presets=PRESETS,
    published=load_published(Path(__file__).with_suffix(".toml")),
    deviations=(
        "The table names no data; by its accuracies and its place it is CIFAR-10.",
        "15 epochs with ReLU, then 15 with PVLU; batch normalisation learns in both, as the paper says.",
        "The size of the square that is cut out the text that we have does not tell; ours is 16×16, as its inventors "
        "chose for these data.",
        *PROTOCOL,
    ),
    needs=(*NEEDS, "augmentation"),
    gpu="30 trainings of deep ResNets on images of 224×224",
)
