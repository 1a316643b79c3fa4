"""Figure 4: Grad-CAM of ResNet-18 with ReLU and AReLU on CIFAR-100."""

from __future__ import annotations

from pathlib import Path

from ...experiments.experiment import Experiment
from ..published import load_published
from . import PAPER

experiment = Experiment(
    name="arelu/figure4",
    title="Where ReLU and AReLU look",
    paper=PAPER,
    published=load_published(Path(__file__).with_suffix(".toml")),
    deviations=("The networks are those of Table 4; the paper does not say which of the five, nor which images.",),
    needs=("the analysis by Grad-CAM",),
)
