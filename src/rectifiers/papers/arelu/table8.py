"""Table 8: test accuracy of 19 functions on SVHN, with and without pretraining on MNIST."""

from __future__ import annotations

from pathlib import Path

from ...experiments.experiment import Experiment
from ..published import load_published
from . import PAPER
from .mnist import COMPARED_FUNCTIONS
from .transfer import PROTOCOL, ROWS, SETTINGS, columns, presets

LABELS = ("w/o p.t.", "w/o f.t.", "w/ f.t.")

experiment = Experiment(
    name="arelu/table8",
    title="From MNIST to SVHN, 19 functions",
    paper=PAPER,
    settings=SETTINGS,
    rows=ROWS,
    columns=columns(*LABELS),
    presets=presets(*LABELS),
    published=load_published(Path(__file__).with_suffix(".toml")),
    deviations=(*PROTOCOL, *COMPARED_FUNCTIONS),
    runs="arelu/transfer",
)
