"""Figure 1: feature maps of MNIST-Conv before and after ReLU and AReLU."""

from __future__ import annotations

from pathlib import Path

from ...experiments.experiment import Experiment
from ..published import load_published
from . import PAPER

experiment = Experiment(
    name="arelu/figure1",
    title="Feature maps before and after activation",
    paper=PAPER,
    published=load_published(Path(__file__).with_suffix(".toml")),
    deviations=(
        "The left half draws the kinds of attention.",
        "The paper does not say how the networks were trained, nor which layer and image are shown.",
    ),
    needs=("the analysis of feature maps",),
)
