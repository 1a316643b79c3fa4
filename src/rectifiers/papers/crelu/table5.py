"""Table 5: error and parameters of All-CNN-B with CReLU on ImageNet beside other methods."""

from __future__ import annotations

from pathlib import Path

from ...experiments.experiment import Experiment
from ..published import load_published
from . import PAPER
from .imagenet import PROTOCOL

experiment = Experiment(
    name="crelu/table5",
    title="All-CNN-B with CReLU beside other methods",
    paper=PAPER,
    published=load_published(Path(__file__).with_suffix(".toml")),
    deviations=(
        "Our own rows are those of Table 4: the baseline and three models with CReLU.",
        "The other methods' numbers are cited; nobody trains them here.",
        *PROTOCOL,
    ),
    runs="crelu/table4",
    needs=("the trainings of crelu/table4", "tables that count parameters"),
)
