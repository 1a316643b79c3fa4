"""First table of section 4.1: test accuracy of five functions on CIFAR-100 without augmentation."""

from __future__ import annotations

from pathlib import Path

from ...experiments.experiment import Experiment
from ..published import load_published
from . import PAPER
from .six_conv import (
    DECREASE,
    ELU,
    ELU_UNPRINTED,
    FIVE,
    LEAKY,
    MEAN,
    PRELU,
    PROTOCOL,
    PVLU,
    RELU,
    RELU_DIES,
    SETTINGS,
)

experiment = Experiment(
    name="pvlu/scratch",
    title="Five functions from scratch, without augmentation",
    paper=PAPER,
    settings=SETTINGS,
    rows=(RELU, LEAKY, ELU, PRELU, PVLU),
    columns=(MEAN,),
    presets=FIVE,
    metric="best_on_test",
    published=load_published(Path(__file__).with_suffix(".toml")),
    leads=(DECREASE,),
    deviations=(*PROTOCOL, ELU_UNPRINTED, RELU_DIES),
    gpu="25 runs of 100 epochs of 50,000 images",
)
