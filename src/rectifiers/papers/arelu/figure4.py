"""Figure 4: Grad-CAM of ResNet-18 with ReLU and AReLU on CIFAR-100."""

from __future__ import annotations

from pathlib import Path

from ...experiments.experiment import Arm, Experiment, Preset
from ..published import load_published
from . import PAPER
from .cifar import ARELU, ON_CIFAR100, POCKET, PROTOCOL, SMOKE

experiment = Experiment(
    name="arelu/figure4",
    title="Where ReLU and AReLU look",
    paper=PAPER,
    settings=ON_CIFAR100,
    rows=(Arm("ReLU", {"activation": "relu"}), ARELU),
    columns=(Arm("ResNet-18", {"network": "resnet-18"}),),
    presets={
        "smoke": Preset(
            note="Noise in the shape of CIFAR-100 and a narrow network: does it run at all?",
            settings={**SMOKE, "dataset": "generated:cifar100", "network_args": {"width": 0.0625}},
            seeds=1,
        ),
        "pocket": Preset(
            note="ResNet-18 of Table 4's pocket: 4,000 images of CIFAR-10, 6 epochs and an eighth of the filters, "
            "three seeds.",
            settings={**POCKET, "network_args": {"width": 0.125}},
            seeds=3,
        ),
        "paper": Preset(note="ResNet-18 of Table 4: 10 runs of 200 epochs.", comparable=True),
    },
    published=load_published(Path(__file__).with_suffix(".toml")),
    deviations=(
        *PROTOCOL,
        "The networks are those of Table 4; the paper does not say which of the five, nor which images.",
    ),
    runs="arelu/cifar100",
    analysis="attention",
    figures=("curves", "shapes"),
    gpu="10 runs of 200 epochs of 50,000 images, those of Table 4",
)
