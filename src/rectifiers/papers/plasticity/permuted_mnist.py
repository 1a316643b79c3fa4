"""Permuted MNIST: which functions keep learning when the pixels change places, phase after phase."""

from __future__ import annotations

from ...experiments.experiment import Experiment, Preset
from .rows import COLUMNS, CONTROLS, DEVIATIONS, FUNCTIONS, few, sized

ROWS = (*FUNCTIONS, *CONTROLS)
SMALL = sized(ROWS, 32, 42)

experiment = Experiment(
    name="plasticity/permuted-mnist",
    title="Permuted MNIST: 25 functions, and what else keeps a network learning",
    settings={
        "dataset": "permuted:mnist",
        "network": "mlp",
        "optimizer": "adam",
        "lr": 0.001,
        "batch_size": 16,
        "train_size": 10_000,
        "epochs": 500,
        "phase_epochs": 1,
    },
    rows=ROWS,
    columns=COLUMNS,
    presets={
        "smoke": Preset(
            note="Four phases of 320 digits of 8×8, two seeds: does it run at all?",
            settings={"dataset": "permuted:digits", "train_size": 320, "epochs": 4, "lr": 0.01, "together": 2},
            seeds=2,
            rows=few(SMALL),
        ),
        "pocket": Preset(
            note="Thirty phases of 1,600 images of 7×7 pixels, two hidden layers of 32, and ten times the learning "
            "rate, so that few steps show what is lost: thirty seeds, in minutes.",
            settings={"dataset": "permuted:mnist-7", "train_size": 1_600, "epochs": 30, "lr": 0.01, "together": 30},
            seeds=30,
            rows=SMALL,
        ),
        "full": Preset(
            note=(
                "As Kumar et al. (2023): 500 phases of 10,000 images, two hidden layers of 100, Adam at 0.001, "
                "batches of 16; thirty seeds where they use ten. Days on two cores."
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
