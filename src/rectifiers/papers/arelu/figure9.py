"""Figure 9: what UNet with ReLU and AReLU segments after 2,000 to 10,000 iterations."""

from __future__ import annotations

from pathlib import Path

from ...experiments.experiment import Experiment
from ..published import load_published
from . import PAPER
from .segmentation import PROTOCOL

experiment = Experiment(
    name="arelu/figure9",
    title="Segmentations over the iterations",
    paper=PAPER,
    published=load_published(Path(__file__).with_suffix(".toml")),
    deviations=(*PROTOCOL, "The paper does not say which image is shown."),
    needs=("the analysis of segmentations",),
)
