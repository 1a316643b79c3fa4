"""Table 1: mean test accuracy of 19 functions on MNIST after the first epoch."""

from __future__ import annotations

from pathlib import Path

from ...experiments.experiment import Experiment
from ..published import load_published
from . import PAPER
from .functions import FUNCTIONS, IMPROVEMENTS
from .mnist import COLUMNS, COMPARED_FUNCTIONS, ONE_EPOCH, PROTOCOL, SETTINGS

experiment = Experiment(
    name="arelu/table1",
    title="MNIST after the first epoch, mean of the seeds",
    paper=PAPER,
    settings={**SETTINGS, "epochs": 1},
    rows=FUNCTIONS,
    columns=COLUMNS,
    presets=ONE_EPOCH,
    metric="first_epoch",
    published=load_published(Path(__file__).with_suffix(".toml")),
    leads=IMPROVEMENTS,
    deviations=(*PROTOCOL, *COMPARED_FUNCTIONS),
)
