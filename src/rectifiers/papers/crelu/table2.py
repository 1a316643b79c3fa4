"""Table 2: error of a VGG network with CReLU in its first layers on CIFAR-10 and CIFAR-100."""

from __future__ import annotations

from pathlib import Path

from ...experiments.experiment import Arm, Experiment, Preset
from ..published import load_published
from . import PAPER
from .cifar import COUNTED, NEEDS, columns

ROWS = (
    Arm("VGG", {"activation": "relu"}),
    *(Arm(f"({layers})", {"activation": "crelu"}) for layers in ("conv1", "conv1,3", "conv1,3,5")),
)

experiment = Experiment(
    name="crelu/table2",
    title="CReLU in the first layers of VGG",
    paper=PAPER,
    settings={
        "network": "vgg-dropout",
        "optimizer": "sgd",
        "lr": 1.0,
        "momentum": 0.9,
        "weight_decay": 5e-4,
        "batch_size": 128,
        "epochs": 300,
        "milestones": tuple(range(25, 300, 25)),
        "gamma": 0.5,
        "normalise": "standard",
    },
    rows=ROWS,
    columns=columns("Single", "Average", "Vote"),
    presets={"paper": Preset(note="As published, as far as the paper tells.", comparable=True)},
    baseline="VGG",
    published=load_published(Path(__file__).with_suffix(".toml")),
    deviations=(
        *COUNTED,
        "The paper follows another's public code for network and training. From there come batch normalisation, "
        "dropout of 0.3, 0.4 and 0.5, the start of the weights, batches of 128, learning rate 1 halved every 25 "
        "epochs, momentum 0.9, weight decay 5e-4 and 300 epochs.",
        "The layer in front of CReLU has half the filters, as the paper says.",
        "Random shifts are by up to 4 pixels; the paper does not say how far.",
    ),
    runs="crelu/vgg",
    needs=("activations by place", *NEEDS),
    gpu="96 trainings of 300 epochs of 50,000 images: four models, two data sets, two alone and ten folds",
)
