"""Figure 8: training loss and test accuracy of 19 functions on MNIST, from the runs of Table 7."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from ..published import load_published
from . import figure7

experiment = replace(
    figure7.experiment,
    name="arelu/figure8",
    published=load_published(Path(__file__).with_suffix(".toml")),
    runs="arelu/mnist-20",
)
