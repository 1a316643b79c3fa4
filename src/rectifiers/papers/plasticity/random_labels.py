"""Random labels: which functions can learn the labels of the same images by heart, again and again."""

from __future__ import annotations

from ...experiments.experiment import Experiment, Preset
from .rows import COLUMNS, CONTROLS, DEVIATIONS, FUNCTIONS, few, sized

ROWS = (*FUNCTIONS, *CONTROLS)
SMALL = sized(ROWS, 32, 42)

experiment = Experiment(
    name="plasticity/random-labels",
    title="MNIST with random labels: 25 functions, and what else keeps a network learning",
    settings={
        "dataset": "random-labels:mnist",
        "network": "mlp",
        "optimizer": "adam",
        "lr": 0.001,
        "batch_size": 16,
        "train_size": 1_200,
        "epochs": 20_000,
        "phase_epochs": 400,
    },
    rows=ROWS,
    columns=COLUMNS,
    presets={
        "smoke": Preset(
            note="Three phases of 160 digits of 8×8, two seeds: does it run at all?",
            settings={
                "dataset": "random-labels:digits",
                "train_size": 160,
                "epochs": 6,
                "phase_epochs": 2,
                "lr": 0.01,
                "together": 2,
            },
            seeds=2,
            rows=few(SMALL),
        ),
        "pocket": Preset(
            note="Twenty phases of twelve epochs, 160 images of 7×7 pixels, two hidden layers of 32, and ten times the "
            "learning rate, so that few steps show what is lost: thirty seeds, in minutes.",
            settings={
                "dataset": "random-labels:mnist-7",
                "train_size": 160,
                "epochs": 240,
                "phase_epochs": 12,
                "lr": 0.01,
                "together": 30,
            },
            seeds=30,
            rows=SMALL,
        ),
        "full": Preset(
            note=(
                "As Kumar et al. (2023): 50 phases of 400 epochs, 1,200 images, two hidden layers of 100, Adam at "
                "0.001, batches of 16; thirty seeds where they use ten. Days on two cores."
            ),
            seeds=30,
            rows=sized(ROWS, 100, 111),
        ),
    },
    metric="online",
    margin=1.0,
    deviations=DEVIATIONS,
    figures=("curves",),
)
