"""Table of section 4.2: accuracy of VGG-16 and VGG-19 on CIFAR-10 before and after PVLU's fine-tuning."""

from __future__ import annotations

from pathlib import Path

from ...experiments.experiment import Experiment, Preset
from ..published import load_published
from . import PAPER
from .finetuning import (
    BASE_TRAINING,
    DECREASE,
    ON_DIGITS,
    ON_PART,
    PAPER_PRESET,
    POCKET,
    POCKET_NOTE,
    PROTOCOL,
    PVLU_ROW,
    SETTINGS,
    SMOKE,
    SMOKE_NOTE,
    rows,
    rows_from_scratch,
)
from .vggs import WEIGHTS, columns, narrow_columns

experiment = Experiment(
    name="pvlu/vgg",
    title="VGG fine-tuned by PVLU",
    paper=PAPER,
    settings={**SETTINGS, "dataset": "cifar10"},
    rows=rows(before={"trained": "head"}, after={"trained": "activations"}),
    columns=columns(behind=[PVLU_ROW]),
    presets={
        "smoke": Preset(
            note=SMOKE_NOTE,
            settings=SMOKE,
            seeds=1,
            rows=rows_from_scratch({}, {}),
            columns=narrow_columns(1 / 16, ON_DIGITS),
        ),
        "pocket": Preset(
            note=POCKET_NOTE,
            settings=POCKET,
            seeds=3,
            rows=rows_from_scratch(BASE_TRAINING, {"epochs": 5}),
            columns=narrow_columns(1 / 4, ON_PART),
        ),
        "paper": PAPER_PRESET,
    },
    published=load_published(Path(__file__).with_suffix(".toml")),
    leads=(DECREASE,),
    deviations=(
        "The paper trains the last layers with ReLU to convergence, then freezes all weights and puts PVLU "
        "everywhere; ours trains the last linear layer for 15 epochs, then α and β for 15 more.",
        WEIGHTS,
        *PROTOCOL,
    ),
    gpu="20 runs of VGG on images of 224×224",
)
