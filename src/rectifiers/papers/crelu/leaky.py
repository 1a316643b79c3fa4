"""Section 2.2: CReLU of LeakyReLU in VGG, which the paper proposes and does not try."""

from __future__ import annotations

from pathlib import Path

from ...experiments.experiment import Arm, Experiment
from ..published import load_published
from . import PAPER
from .cifar import COUNTING, columns
from .vgg import AS_TABLE_2, PROTOCOL, SETTINGS, models, presets

SLOPE = 0.1


def rows(width: float = 1.0, dropout: float = 1.0) -> tuple[Arm, ...]:
    """Make the rows.

    Args:
        width: factor of all numbers of filters.
        dropout: factor of all rates of dropout.
    """
    vgg, *_, crelu = models(width, dropout)
    leaky = Arm("CReLU of LeakyReLU", {**crelu.settings, "activation_args": {"negative_slope": SLOPE}})
    return vgg, Arm("CReLU", crelu.settings), leaky


experiment = Experiment(
    name="crelu/leaky",
    title="CReLU of LeakyReLU in VGG",
    paper=PAPER,
    settings=SETTINGS,
    rows=rows(),
    columns=columns("Single"),
    presets=presets(rows, AS_TABLE_2),
    baseline="CReLU",
    published=load_published(Path(__file__).with_suffix(".toml")),
    deviations=(
        f"The paper names no slope; ours is {SLOPE:g}. CReLU stands after conv1, conv3 and conv5, as in Table 2.",
        *COUNTING[:1],
        *PROTOCOL,
    ),
    runs="crelu/vgg",
    gpu="60 runs of 300 epochs of 50,000 images: three models, two data sets, ten seeds",
)
