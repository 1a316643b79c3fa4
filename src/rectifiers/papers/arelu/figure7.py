"""Figure 7: training loss and test accuracy of 19 functions on MNIST, from the runs of Table 7."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from ..published import load_published
from . import figure3
from .mnist import COMPARED_FUNCTIONS, PROTOCOL

experiment = replace(
    figure3.experiment,
    name="arelu/figure7",
    title="MNIST over 20 epochs, loss and accuracy",
    published=load_published(Path(__file__).with_suffix(".toml")),
    deviations=(
        *PROTOCOL,
        *COMPARED_FUNCTIONS,
        "Figures 7 and 8 have the same caption; our copy of the paper does not show which optimizers and learning "
        "rates each of them is for, so ours shows all.",
        "The paper prints curves, not numbers.",
    ),
    figures=("curves", "losses"),
    runs="arelu/mnist-20",
)
