"""A regression that changes slowly: which functions keep learning when one of 15 bits flips, phase after phase."""

from __future__ import annotations

from ...experiments.experiment import Experiment, Preset
from .rows import COLUMNS, CONTROLS, DEVIATIONS, FUNCTIONS, few, sized

# Maxout needs an even number of units. With one hidden layer of 5, ReLU and CReLU come to 111 and 116 parameters: no
# number is nearer.
ROWS = tuple(row for row in (*FUNCTIONS, *CONTROLS) if row.label not in ("Maxout", "ReLU, CReLU's size"))
NETWORKS = sized(ROWS, 5, 5, depth=1)

experiment = Experiment(
    name="plasticity/regression",
    title="A regression that changes slowly: 24 functions, and what else keeps a network learning",
    settings={
        "dataset": "slow-regression",
        "network": "mlp",
        "optimizer": "sgd",
        "lr": 0.01,
        "batch_size": 1,
        "epochs": 100,
        "phase_epochs": 1,
        "together": 30,
    },
    rows=ROWS,
    columns=COLUMNS,
    presets={
        "smoke": Preset(
            note="Three phases of 200 rows, two seeds: does it run at all?",
            settings={"train_size": 200, "epochs": 3, "batch_size": 8, "together": 2},
            seeds=2,
            rows=few(NETWORKS),
        ),
        "pocket": Preset(
            note="Twenty-four phases of 2,000 rows in batches of 8, and Adam, so that few steps show what is lost: "
            "thirty seeds, in minutes.",
            settings={"optimizer": "adam", "train_size": 2_000, "epochs": 24, "batch_size": 8},
            seeds=30,
            rows=NETWORKS,
        ),
        "full": Preset(
            note=(
                "As Dohare et al. (2024), as far as their public code shows: 100 phases of 10,000 rows, one at a "
                "time, one hidden layer of 5, gradient descent at 0.01, the largest of their three rates; thirty "
                "seeds where they use a hundred. A day on two cores."
            ),
            seeds=30,
            rows=NETWORKS,
        ),
    },
    metric="online",
    margin=1.0,
    deviations=(
        *DEVIATIONS,
        "Scores are the explained variance in percent, of which more is better; the authors draw the squared error, "
        "which results hold as the training loss of each epoch. Weights start from PyTorch's defaults, theirs from "
        "Kaiming's initialisation.",
        "Of the 15 slow bits one flips after each phase, as their code does with `flip_one`.",
    ),
    figures=("curves",),
)
