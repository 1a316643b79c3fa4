"""Table 6: best test accuracy of 19 functions on MNIST in 20 epochs, best of five runs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from ..published import load_published
from . import table7

experiment = replace(
    table7.experiment,
    name="arelu/table6",
    title="MNIST in 20 epochs, best of the seeds",
    aggregate="best",
    published=load_published(Path(__file__).with_suffix(".toml")),
    runs="arelu/mnist-20",
)
