"""Table 6: parameters of DenseNet-40 with each of the six functions."""

from __future__ import annotations

from pathlib import Path

from ...experiments.experiment import Column, Experiment
from ..count_only import COUNT_ONLY
from ..published import load_published
from . import PAPER
from .images import DENSENET, FUNCTIONS, SETTINGS

experiment = Experiment(
    name="convrelu/table6",
    title="Parameters of DenseNet-40 with six functions",
    paper=PAPER,
    settings={"dataset": "generated:cifar100", "network": "densenet-convrelu", "lr": SETTINGS["lr"], "epochs": 0},
    rows=FUNCTIONS,
    columns=(Column("#Params", {}, metric="parameters"), Column("Ratio", {}, metric="activation_share")),
    presets={"smoke": COUNT_ONLY, "pocket": COUNT_ONLY, "paper": COUNT_ONLY},
    published=load_published(Path(__file__).with_suffix(".toml")),
    deviations=(
        *DENSENET,
        "The paper says that the table is for Cifar10, but its counts are those of a head with 100 classes; with 10 "
        "classes there are 34,650 fewer.",
        "PReLU (A) has 119 slopes, one for every ReLU that is followed by a convolution; the last ReLU, before the "
        "linear layer, stays.",
    ),
)
