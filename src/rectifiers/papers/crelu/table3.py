"""Table 3: error of the VGG networks of Table 2 on CIFAR-10 and CIFAR-100 beside other methods."""

from __future__ import annotations

from pathlib import Path

from ...experiments.experiment import Arm, Column, Experiment, Preset
from ..published import load_published
from . import PAPER
from .cifar import CIFAR10, CIFAR100, VOTE
from .vgg import ON_PART, PAPER_PRESET, POCKET, PROTOCOL, SETTINGS, SMALL, SMOKE, models, with_crelu

BEST = Arm("VGG + CReLU", with_crelu((0, 2)))

experiment = Experiment(
    name="crelu/table3",
    title="VGG with CReLU beside other methods",
    paper=PAPER,
    settings=SETTINGS,
    rows=(models()[0], BEST),
    columns=(
        Arm("CIFAR-10", {**CIFAR10.settings, **VOTE}),
        Column("CIFAR-100", {**CIFAR100.settings, **VOTE}, cells={BEST.label: with_crelu((0, 2, 4))}),
    ),
    presets={
        "smoke": Preset(
            note="Votes of two networks on 60 digits, a sixteenth of the filters: does it run at all?",
            settings={**SMOKE, "folds": 2, "vote": 2},
            seeds=1,
            rows={"VGG": models(1 / 16)[0].settings, BEST.label: with_crelu((0, 2), 1 / 16)},
            columns={"CIFAR-10": {"dataset": "digits-32"}},
        ),
        "pocket": Preset(
            note="Votes of three networks on 10,000 images of CIFAR-10, 10 epochs and a quarter of the filters and of "
            "the dropout.",
            settings={**POCKET, "folds": 3, "vote": 3},
            seeds=1,
            rows={"VGG": models(**SMALL)[0].settings, BEST.label: with_crelu((0, 2), **SMALL)},
            columns={"CIFAR-10": ON_PART},
        ),
        "paper": PAPER_PRESET,
    },
    baseline="VGG",
    published=load_published(Path(__file__).with_suffix(".toml")),
    deviations=(
        "Our own rows are the votes of Table 2: VGG, and the best of three with CReLU for each data set, which was "
        "chosen by test error: conv1,3 on CIFAR-10 and conv1,3,5 on CIFAR-100.",
        "The other methods' numbers are cited, not reproduced.",
        *PROTOCOL,
    ),
    runs="crelu/vgg",
    gpu="40 runs of 300 epochs of 50,000 images, those of Table 2",
)
