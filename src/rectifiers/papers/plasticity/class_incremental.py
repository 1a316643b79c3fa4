"""Classes that come two at a time: which functions keep learning new ones, phase after phase."""

from __future__ import annotations

from ...experiments.experiment import Experiment, Preset
from .rows import COLUMNS, CONTROLS, DEVIATIONS, FUNCTIONS, few, sized

ROWS = (*FUNCTIONS, *CONTROLS)
SMALL = sized(ROWS, 32, 43)

experiment = Experiment(
    name="plasticity/class-incremental",
    title="New classes, two at a time: 25 functions, and what else keeps a network learning",
    settings={
        "dataset": "class-incremental:cifar100",
        "network": "mlp",
        "optimizer": "adam",
        "lr": 0.001,
        "batch_size": 16,
        "phase_epochs": 10,
        "epochs": 5_000,
    },
    rows=ROWS,
    columns=COLUMNS,
    presets={
        "smoke": Preset(
            note="Three phases of digits of 8×8, two seeds: does it run at all?",
            settings={
                "dataset": "class-incremental:digits",
                "train_size": 160,
                "epochs": 3,
                "phase_epochs": 1,
                "lr": 0.01,
                "together": 2,
            },
            seeds=2,
            rows=few(SMALL),
        ),
        "pocket": Preset(
            note="A part of CIFAR-100, in 8×8 pixels: of every class 100 of the 500 training images, and 50 of the 100 "
            "test images. A hundred phases of ten epochs, in which every class comes up twice, two hidden layers of "
            "32, and thirty seeds: an hour on one core.",
            settings={"dataset": "class-incremental:cifar100-part-8", "epochs": 1_000, "together": 30},
            seeds=30,
            rows=SMALL,
        ),
        "full": Preset(
            note=(
                "500 phases of ten epochs, in which every class comes up ten times, two hidden layers of 100; thirty "
                "seeds. Days on two cores."
            ),
            settings={"together": 30},
            seeds=30,
            rows=sized(ROWS, 100, 106),
        ),
    },
    metric="online",
    margin=1.0,
    deviations=DEVIATIONS,
    figures=("curves",),
)
