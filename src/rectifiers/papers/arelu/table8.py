"""Table 8: test accuracy of 19 functions on SVHN, with and without pretraining on MNIST."""

from __future__ import annotations

from pathlib import Path

from ...experiments.experiment import Arm, Experiment, Preset
from ..published import load_published
from . import PAPER
from .functions import FUNCTIONS
from .mnist import COMPARED
from .transfer import NEEDS, PROTOCOL, REGIMES, SETTINGS

experiment = Experiment(
    name="arelu/table8",
    title="From MNIST to SVHN, 19 functions",
    paper=PAPER,
    settings=SETTINGS,
    rows=FUNCTIONS,
    columns=tuple(
        Arm(label, regime) for label, regime in zip(("w/o p.t.", "w/o f.t.", "w/ f.t."), REGIMES, strict=True)
    ),
    presets={"paper": Preset(note="As published, of all images.", comparable=True)},
    published=load_published(Path(__file__).with_suffix(".toml")),
    deviations=(*PROTOCOL, *COMPARED),
    runs="arelu/transfer",
    needs=NEEDS,
)
