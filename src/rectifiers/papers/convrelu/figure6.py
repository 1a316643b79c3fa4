"""Figure 6: how ConvReLU's learned thresholds are distributed in DenseNet-40."""

from __future__ import annotations

from pathlib import Path

from ...experiments.experiment import Experiment
from ..published import load_published
from . import PAPER
from .images import DENSENET

experiment = Experiment(
    name="convrelu/figure6",
    title="ConvReLU's learned thresholds",
    paper=PAPER,
    published=load_published(Path(__file__).with_suffix(".toml")),
    deviations=(
        *DENSENET,
        "The paper does not say on which data the network was trained, nor which layers the histogram holds.",
    ),
    needs=("the analysis of learned parameters",),
)
