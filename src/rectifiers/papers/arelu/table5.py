"""Table 5: best test accuracy of 19 functions on MNIST after the first epoch, from the runs of Table 1."""

from __future__ import annotations

from pathlib import Path

from ...experiments.experiment import Experiment
from ..published import load_published
from . import PAPER
from .functions import FUNCTIONS, IMPROVEMENTS
from .mnist import COLUMNS, COMPARED_FUNCTIONS, ONE_EPOCH, PROTOCOL, SETTINGS

experiment = Experiment(
    name="arelu/table5",
    title="MNIST after the first epoch, best of the seeds",
    paper=PAPER,
    settings={**SETTINGS, "epochs": 1},
    rows=FUNCTIONS,
    columns=COLUMNS,
    presets=ONE_EPOCH,
    metric="first_epoch",
    aggregate="best",
    published=load_published(Path(__file__).with_suffix(".toml")),
    leads=IMPROVEMENTS,
    deviations=(*PROTOCOL, *COMPARED_FUNCTIONS),
    runs="arelu/table1",
)
