"""Figure 3: test accuracy of 19 functions on MNIST over 20 epochs, from the runs of Table 7."""

from __future__ import annotations

from pathlib import Path

from ...experiments.experiment import Experiment
from ..published import load_published
from . import PAPER
from .functions import FUNCTIONS
from .mnist import COLUMNS, COMPARED_FUNCTIONS, PROTOCOL, SETTINGS, TWENTY_EPOCHS

experiment = Experiment(
    name="arelu/figure3",
    title="MNIST over 20 epochs, mean of the seeds",
    paper=PAPER,
    settings={**SETTINGS, "epochs": 20},
    rows=FUNCTIONS,
    columns=COLUMNS,
    presets=TWENTY_EPOCHS,
    metric="final_epoch",
    margin=0.1,
    published=load_published(Path(__file__).with_suffix(".toml")),
    deviations=(*PROTOCOL, *COMPARED_FUNCTIONS, "The paper prints curves, not numbers."),
    runs="arelu/mnist-20",
    figures=("curves",),
)
