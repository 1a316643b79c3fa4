"""Table 3: test accuracy of ReLU and ConvReLU in VGG-16, ResNet-18 and DenseNet-40 on CIFAR-10 and CIFAR-100."""

from __future__ import annotations

from pathlib import Path

from ...experiments.experiment import Arm, Experiment
from ..published import load_published
from . import PAPER
from .images import CIFAR10, CIFAR100, DENSENET, FUNCTIONS, NEEDS, PAPER_PRESET, PROTOCOL, SETTINGS

NETWORKS = (
    Arm("VGG-16", {"network": "vgg-16"}),
    Arm("ResNet-18", {"network": "resnet-18"}),
    Arm("DenseNet-40", {}),
)

experiment = Experiment(
    name="convrelu/table3",
    title="ReLU and ConvReLU in three networks",
    paper=PAPER,
    settings=SETTINGS,
    rows=tuple(arm for arm in FUNCTIONS if arm.label in ("ReLU", "ConvReLU")),
    columns=tuple(
        Arm(f"{network.label}, {data.label}", {**network.settings, **data.settings})
        for data in (CIFAR10, CIFAR100)
        for network in NETWORKS
    ),
    presets=PAPER_PRESET,
    published=load_published(Path(__file__).with_suffix(".toml")),
    deviations=(
        *DENSENET,
        "VGG-16 and ResNet-18 are the usual ones for images of 32×32: batch normalisation and one linear layer, a "
        "stem of 3×3.",
        "The paper does not say which ReLUs of VGG-16 and ResNet-18 it replaced; ours are those of the first stage.",
        *PROTOCOL,
    ),
    runs="convrelu/images",
    needs=NEEDS,
    gpu="60 trainings of 350 epochs of 50,000 images",
)
