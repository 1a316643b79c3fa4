"""Table 5: test accuracy with ConvReLU in the first block, in the last, and everywhere."""

from __future__ import annotations

from pathlib import Path

from ...experiments.experiment import Arm, Experiment
from ..published import load_published
from . import PAPER
from .images import CIFAR10, CONVRELU, DENSENET, NEEDS, PAPER_PRESET, PROTOCOL, SETTINGS

experiment = Experiment(
    name="convrelu/table5",
    title="Where ConvReLU replaces ReLU",
    paper=PAPER,
    settings=SETTINGS,
    rows=(Arm("R1 (First)", CONVRELU), Arm("R2 (Last)", CONVRELU), Arm("R3 (All)", CONVRELU)),
    columns=(CIFAR10,),
    presets=PAPER_PRESET,
    baseline="R1 (First)",
    published=load_published(Path(__file__).with_suffix(".toml")),
    deviations=(
        *DENSENET,
        "R3 replaces every ReLU that a convolution follows; the last one, before the linear layer, stays.",
        *PROTOCOL,
    ),
    runs="convrelu/images",
    needs=NEEDS,
    gpu="15 trainings of 350 epochs of 50,000 images",
)
