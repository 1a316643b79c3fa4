"""Figure 5: an image reconstructed from the first four layers of the CReLU model."""

from __future__ import annotations

from pathlib import Path

from ...experiments.experiment import Experiment
from ..published import load_published
from . import PAPER

experiment = Experiment(
    name="crelu/figure5",
    title="Images from features",
    paper=PAPER,
    published=load_published(Path(__file__).with_suffix(".toml")),
    deviations=(
        "The model is CReLU (conv1–4) of Table 4.",
        "The algorithm is in a supplement that we do not have; ours follows from Proposition 2.1: each layer's input "
        "is the least-squares solution for its responses, the positive minus the negative half.",
        "The paper does not say which image it shows.",
    ),
    needs=("the analysis by reconstruction",),
    gpu="trained on ImageNet",
)
