"""Table 2: test accuracy of 12 functions on SVHN, with and without pretraining on MNIST, an excerpt of Table 8."""

from __future__ import annotations

from pathlib import Path

from ...experiments.experiment import Arm, Experiment, Preset
from ..published import load_published
from . import PAPER
from .functions import FUNCTIONS
from .mnist import COMPARED
from .transfer import NEEDS, PROTOCOL, REGIMES, SETTINGS

NUMBERS = load_published(Path(__file__).with_suffix(".toml"))

experiment = Experiment(
    name="arelu/table2",
    title="From MNIST to SVHN, 12 functions",
    paper=PAPER,
    settings=SETTINGS,
    rows=tuple(arm for arm in FUNCTIONS if (arm.label, "w/o pretrain") in NUMBERS.cells),
    columns=tuple(
        Arm(label, regime)
        for label, regime in zip(("w/o pretrain", "w/o finetune", "pretrain+finetune"), REGIMES, strict=True)
    ),
    presets={"paper": Preset(note="As published, of all images.", comparable=True)},
    published=NUMBERS,
    deviations=(*PROTOCOL, *COMPARED),
    runs="arelu/transfer",
    needs=NEEDS,
)
