"""Section 2.2: CReLU of LeakyReLU in VGG, which the paper proposes and does not try."""

from __future__ import annotations

from pathlib import Path

from ...experiments.experiment import Arm, Experiment, Preset
from ..published import load_published
from . import PAPER
from .cifar import COUNTING, columns
from .vgg import ON_PART, PAPER_PRESET, POCKET, PROTOCOL, SETTINGS, SMALL, SMOKE, models

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
    presets={
        "smoke": Preset(
            note="60 digits and a sixteenth of the filters: does it run at all?",
            settings=SMOKE,
            seeds=1,
            rows={arm.label: arm.settings for arm in rows(1 / 16)},
            columns={"CIFAR-10 Single": {"dataset": "digits-32"}},
        ),
        "pocket": Preset(
            note="The networks of Table 2's pocket: 10,000 images of CIFAR-10, 10 epochs and a quarter of the filters "
            "and of the dropout, three seeds.",
            settings=POCKET,
            seeds=3,
            rows={arm.label: arm.settings for arm in rows(**SMALL)},
            columns={"CIFAR-10 Single": ON_PART},
        ),
        "paper": PAPER_PRESET,
    },
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
