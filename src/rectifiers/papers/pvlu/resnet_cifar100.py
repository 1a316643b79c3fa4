"""Second table of section 4.3: test accuracy of three ResNets on CIFAR-100 before and after PVLU's fine-tuning."""

from __future__ import annotations

from pathlib import Path

from ...experiments.experiment import Experiment
from ..published import load_published
from . import PAPER
from .finetuning import DECREASE, PROTOCOL, SETTINGS
from .residual import PRESETS, ROWS, TWO_STEPS, WEIGHTS, columns

experiment = Experiment(
    name="pvlu/resnet-cifar100",
    title="ResNets fine-tuned by PVLU on CIFAR-100",
    paper=PAPER,
    settings={**SETTINGS, "dataset": "cifar100", "augment": ("cutout:8",)},
    rows=ROWS,
    columns=columns("R50", "R101v2", "R152v2"),
    presets=PRESETS,
    published=load_published(Path(__file__).with_suffix(".toml")),
    leads=(DECREASE,),
    deviations=(
        "The table names no data set; judging by its accuracies and its place in the text it is CIFAR-100.",
        TWO_STEPS,
        "The size of the square that is cut out is missing from our copy of the paper; ours is 8×8, as the inventors "
        "of Cutout chose for these data.",
        WEIGHTS,
        *PROTOCOL,
    ),
    gpu="30 runs of deep ResNets on images of 224×224, which start from 10 on ImageNet",
)
