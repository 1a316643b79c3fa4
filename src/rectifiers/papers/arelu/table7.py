"""Table 7: best test accuracy of 19 functions on MNIST in 20 epochs, mean of five runs."""

from __future__ import annotations

from pathlib import Path

from ...experiments.experiment import Experiment
from ..published import load_published
from . import PAPER
from .functions import FUNCTIONS, IMPROVEMENTS
from .mnist import BEST_EPOCH, COLUMNS, COMPARED_FUNCTIONS, PROTOCOL, SETTINGS, TWENTY_EPOCHS

experiment = Experiment(
    name="arelu/table7",
    title="MNIST in 20 epochs, mean of the seeds",
    paper=PAPER,
    settings={**SETTINGS, "epochs": 20},
    rows=FUNCTIONS,
    columns=COLUMNS,
    presets=TWENTY_EPOCHS,
    metric="best_on_test",
    margin=0.1,
    published=load_published(Path(__file__).with_suffix(".toml")),
    leads=IMPROVEMENTS,
    deviations=(*PROTOCOL, *COMPARED_FUNCTIONS, *BEST_EPOCH),
    runs="arelu/mnist-20",
)
