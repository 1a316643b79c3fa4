"""Table of section 4.2.1: accuracy of VGG-16 and VGG-19 on blurred CIFAR-10 before and after PVLU's fine-tuning."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ...experiments.experiment import Arm, Experiment, Preset
from ..published import load_published
from . import PAPER
from .finetuning import (
    BASE_TRAINING,
    DECREASE,
    FROM_SCRATCH,
    ON_DIGITS,
    ON_PART,
    PAPER_PRESET,
    POCKET,
    POCKET_NOTE,
    PROTOCOL,
    PVLU,
    PVLU_ROW,
    RELU,
    RELU_ROW,
    SETTINGS,
    SMOKE,
    SMOKE_NOTE,
)
from .vggs import WEIGHTS, columns, narrow_columns

SHARP = {**RELU, "dataset": "cifar10", "trained": "head"}
"""Settings of training with ReLU, before the network meets blurred images."""

ROWS = (
    Arm(RELU_ROW, {**RELU, "epochs": 0, "start": SHARP}),
    Arm(PVLU_ROW, {**PVLU, "trained": "activations and norms", "start": SHARP}),
)


def _rows_from_scratch(before: dict[str, Any], after: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Give what changes in the rows where the network is trained from scratch on sharp images."""
    fresh = {"start": {**before, **FROM_SCRATCH}}
    return {RELU_ROW: {"epochs": 0, **fresh}, PVLU_ROW: {**after, **fresh}}


experiment = Experiment(
    name="pvlu/vgg-blurred",
    title="VGG adapted to blur by PVLU",
    paper=PAPER,
    settings={**SETTINGS, "dataset": "cifar10-gaussian"},
    rows=ROWS,
    columns=columns(behind=[RELU_ROW, PVLU_ROW]),
    presets={
        "smoke": Preset(
            note=f"{SMOKE_NOTE} Nothing is blurred.",
            settings=SMOKE,
            seeds=1,
            rows=_rows_from_scratch({**ON_DIGITS, "epochs": 1}, {"epochs": 1}),
            columns=narrow_columns(1 / 16, ON_DIGITS),
        ),
        "pocket": Preset(
            note=POCKET_NOTE,
            settings=POCKET,
            seeds=3,
            rows=_rows_from_scratch({**ON_PART, **BASE_TRAINING}, {"epochs": 5}),
            columns=narrow_columns(1 / 4, {**ON_PART, "dataset": "cifar10-gaussian"}),
        ),
        "paper": PAPER_PRESET,
    },
    published=load_published(Path(__file__).with_suffix(".toml")),
    leads=(DECREASE,),
    deviations=(
        "The width of the Gaussian filter is missing from our copy of the paper; ours has a standard deviation of one "
        "pixel.",
        "The network is fine-tuned with ReLU on sharp images and tested on blurred ones; then α and β learn on "
        "blurred ones. So would batch normalisation, but VGG for ImageNet has none. The row of ReLU is not trained "
        "further.",
        WEIGHTS,
        *PROTOCOL,
    ),
    gpu="20 runs of VGG on images of 224×224",
)
