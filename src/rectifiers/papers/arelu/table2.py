"""Table 2: test accuracy of 12 functions on SVHN, with and without pretraining on MNIST, an excerpt of Table 8."""

from __future__ import annotations

from pathlib import Path

from ...experiments.experiment import Experiment
from ..published import load_published
from . import PAPER
from .mnist import COMPARED_FUNCTIONS
from .transfer import PROTOCOL, ROWS, SETTINGS, columns, presets

LABELS = ("w/o pretrain", "w/o finetune", "pretrain+finetune")

NUMBERS = load_published(Path(__file__).with_suffix(".toml"))

experiment = Experiment(
    name="arelu/table2",
    title="From MNIST to SVHN, 12 functions",
    paper=PAPER,
    settings=SETTINGS,
    rows=tuple(arm for arm in ROWS if (arm.label, LABELS[0]) in NUMBERS.cells),
    columns=columns(*LABELS),
    presets=presets(*LABELS),
    judged_in="arelu/table8",
    published=NUMBERS,
    deviations=(*PROTOCOL, *COMPARED_FUNCTIONS),
    runs="arelu/transfer",
)
