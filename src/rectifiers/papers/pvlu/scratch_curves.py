"""First figure of section 4.1: test accuracy over the epochs without augmentation."""

from __future__ import annotations

from pathlib import Path

from ...experiments.experiment import Experiment
from ..published import load_published
from . import PAPER
from .six_conv import BEST_RUN, FIVE, LEAKY, MEAN, PRELU, PROTOCOL, PVLU, RELU, SETTINGS

experiment = Experiment(
    name="pvlu/scratch-curves",
    title="Four functions over the epochs, without augmentation",
    paper=PAPER,
    settings=SETTINGS,
    rows=(RELU, LEAKY, PRELU, PVLU),
    columns=(MEAN,),
    presets=FIVE,
    metric="best_on_test",
    published=load_published(Path(__file__).with_suffix(".toml")),
    deviations=(*PROTOCOL, BEST_RUN),
    runs="pvlu/scratch",
    figures=("curves",),
    gpu="20 runs of 100 epochs of 50,000 images",
)
