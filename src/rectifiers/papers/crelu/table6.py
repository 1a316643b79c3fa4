"""Table 6: correlation of the weights that leave the two halves of CReLU."""

from __future__ import annotations

from pathlib import Path

from ...experiments.experiment import Experiment
from ..published import load_published
from . import PAPER

experiment = Experiment(
    name="crelu/table6",
    title="Correlation of outgoing weights, pairs and others",
    paper=PAPER,
    published=load_published(Path(__file__).with_suffix(".toml")),
    deviations=(
        "In the text that we have, the head of the first column of numbers reads non-pair. The paper says that pairs "
        "are correlated more, so the larger numbers are theirs.",
        "The paper does not say what stands behind ±; it is as large as its number in the first row, so we take the "
        "standard deviation. Nor does it say whether correlations are absolute; ours are.",
    ),
    needs=("the analysis of outgoing weights",),
    gpu="trained on ImageNet",
)
