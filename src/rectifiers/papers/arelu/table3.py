"""Table 3: best and mean test accuracy of 19 functions in three networks on CIFAR-10."""

from __future__ import annotations

from pathlib import Path

from ...experiments.experiment import Arm, Experiment, Preset
from ..published import load_published
from . import PAPER
from .cifar import FUNCTIONS, ON_CIFAR10, PROTOCOL
from .functions import IMPROVEMENTS
from .mnist import COMPARED

NETWORKS = {"VGG-11": "vgg-11", "ResNet-18": "resnet-18", "MobileNet": "mobilenet"}

experiment = Experiment(
    name="arelu/table3",
    title="19 functions in three networks on CIFAR-10",
    paper=PAPER,
    settings=ON_CIFAR10,
    rows=FUNCTIONS,
    columns=tuple(
        Arm(f"{label} {aggregate}", {"network": network})
        for label, network in NETWORKS.items()
        for aggregate in ("best", "mean")
    ),
    presets={"paper": Preset(note="As published: 285 trainings of 100 epochs.", comparable=True)},
    published=load_published(Path(__file__).with_suffix(".toml")),
    leads=IMPROVEMENTS,
    deviations=(
        *PROTOCOL,
        *COMPARED,
        "The networks are those for images of 32×32. The paper states no augmentation for CIFAR-10; ours pads by 4, "
        "crops at random and flips.",
    ),
    needs=("augmentation", "best and mean in one table"),
    gpu="285 trainings of 100 epochs of 50,000 images",
)
