"""Figure 3: cosine similarity of pairing filters in the CReLU model on ImageNet, and of random filters."""

from __future__ import annotations

from pathlib import Path

from ...experiments.experiment import Experiment
from ..published import load_published
from . import PAPER

experiment = Experiment(
    name="crelu/figure3",
    title="How opposite the filters are with CReLU",
    paper=PAPER,
    published=load_published(Path(__file__).with_suffix(".toml")),
    deviations=(
        "The model is CReLU (conv1–4) of Table 4.",
        "Random filters are Gaussian, of unit length, as many and as large as the layer's.",
    ),
    needs=("the analysis of filter pairs",),
    gpu="trained on ImageNet",
)
