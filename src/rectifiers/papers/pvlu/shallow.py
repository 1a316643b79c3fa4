"""Section 4: PVLU in place of ReLU in a shallow network on MNIST and Fashion-MNIST, where the paper sees no gain."""

from __future__ import annotations

from pathlib import Path

from ...experiments.experiment import Arm, Experiment, Preset
from ..published import load_published
from . import PAPER
from .six_conv import PVLU, RELU

experiment = Experiment(
    name="pvlu/shallow",
    title="PVLU in a shallow network",
    paper=PAPER,
    settings={
        "network": "mnist-conv",
        "optimizer": "sgd",
        "lr": 0.01,
        "momentum": 0.9,
        "batch_size": 128,
        "epochs": 10,
        "normalise": "unit",
    },
    rows=(RELU, PVLU),
    columns=(Arm("MNIST", {"dataset": "mnist"}), Arm("Fashion-MNIST", {"dataset": "fashion-mnist"})),
    presets={
        "smoke": Preset(
            note="512 images, one epoch, two seeds: does it run at all?",
            settings={"train_size": 512, "epochs": 1},
            seeds=2,
            columns=("MNIST",),
        ),
        "pocket": Preset(
            note="A tenth of the images, five epochs, three seeds: minutes.",
            settings={"train_size": 6_000, "epochs": 5},
            seeds=3,
        ),
        "paper": Preset(
            note="Ten epochs of all images, ten seeds; network and training are ours, for the paper names neither.",
            seeds=10,
        ),
    },
    margin=0.2,
    published=load_published(Path(__file__).with_suffix(".toml")),
    deviations=(
        "The paper names neither the shallow architectures nor how they were trained; ours is MNIST-Conv of the AReLU "
        "paper, with three convolutions, trained for ten epochs by SGD at 0.01 with momentum 0.9 in batches of 128.",
        "The values of α and β from which PVLU starts are not given for this test; ours are 0.25 and 1, as from "
        "scratch on CIFAR-100.",
        "The paper prints no numbers for this test and does not say how many runs it rests on; we use ten seeds.",
    ),
)
