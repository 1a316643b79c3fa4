"""Table 2: error of a VGG network with CReLU in its first layers on CIFAR-10 and CIFAR-100."""

from __future__ import annotations

from pathlib import Path

from ...experiments.experiment import Experiment
from ..published import load_published
from . import PAPER
from .cifar import COUNTING, columns
from .vgg import PROTOCOL, SETTINGS, models, presets

experiment = Experiment(
    name="crelu/table2",
    title="CReLU in the first layers of VGG",
    paper=PAPER,
    settings=SETTINGS,
    rows=models(),
    columns=columns("Single", "Average", "Vote"),
    presets=presets(
        models,
        "10,000 images of CIFAR-10, 10 epochs and a quarter of the filters and of the dropout, three seeds: shows in "
        "minutes what differs by more than the noise.",
    ),
    baseline="VGG",
    published=load_published(Path(__file__).with_suffix(".toml")),
    deviations=(*COUNTING, *PROTOCOL),
    runs="crelu/vgg",
    gpu="160 runs of 300 epochs of 50,000 images: four models, two data sets, ten seeds on all and ten folds",
)
