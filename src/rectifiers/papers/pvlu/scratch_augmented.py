"""Second table of section 4.1: test accuracy of three functions on CIFAR-100 with augmentation."""

from __future__ import annotations

from pathlib import Path

from ...experiments.experiment import Experiment
from ..published import load_published
from . import PAPER
from .six_conv import AUGMENT, AUGMENTATION, DECREASE, MEAN, PRELU, PROTOCOL, PVLU, RELU, SETTINGS, THREE

experiment = Experiment(
    name="pvlu/scratch-augmented",
    title="Three functions from scratch, with augmentation",
    paper=PAPER,
    settings={**SETTINGS, **AUGMENT},
    rows=(RELU, PRELU, PVLU),
    columns=(MEAN,),
    presets=THREE,
    metric="best_on_test",
    published=load_published(Path(__file__).with_suffix(".toml")),
    leads=(DECREASE,),
    deviations=(*PROTOCOL, *AUGMENTATION),
    gpu="9 runs of 100 epochs of 50,000 images",
)
