"""Table 3: test accuracy of ReLU and ConvReLU in VGG-16, ResNet-18 and DenseNet-40 on CIFAR-10 and CIFAR-100."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ...experiments.experiment import Arm, Column, Experiment, Preset
from ..published import load_published
from . import PAPER
from .images import (
    CIFAR10,
    CIFAR100,
    DENSENET,
    FIRST,
    FUNCTIONS,
    ON_CIFAR10,
    ON_DIGITS,
    PAPER_PRESET,
    POCKET,
    PROTOCOL,
    SETTINGS,
    SMOKE,
)

VGG, RESNET, DENSENET40 = "VGG-16", "ResNet-18", "DenseNet-40"

NETWORKS: dict[str, dict[str, Any]] = {VGG: {"network": "vgg-16"}, RESNET: {"network": "resnet-18"}, DENSENET40: {}}
PLACES = {VGG: "stage1", RESNET: "layer1", DENSENET40: FIRST}
"""Where ConvReLU replaces ReLU."""

NARROW = {VGG: {"width": 0.25}, RESNET: {"width": 0.125}}


def _on(data: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Give the columns of CIFAR-10 other data and narrower networks."""
    return {
        f"{network}, Cifar10": {**data, "network_args": NARROW[network]} if network in NARROW else data
        for network in NETWORKS
    }


def _column(network: str, data: Arm) -> Column:
    return Column(
        f"{network}, {data.label}",
        {**NETWORKS[network], **data.settings},
        cells={"ConvReLU": {"where": PLACES[network]}},
        judged_in="convrelu/table1" if network == DENSENET40 else None,
    )


experiment = Experiment(
    name="convrelu/table3",
    title="ReLU and ConvReLU in three networks",
    paper=PAPER,
    settings=SETTINGS,
    rows=tuple(arm for arm in FUNCTIONS if arm.label in ("ReLU", "ConvReLU")),
    columns=tuple(_column(network, data) for data in (CIFAR10, CIFAR100) for network in NETWORKS),
    presets={
        "smoke": Preset(
            note="64 digits and narrow networks: does it run at all?",
            settings=SMOKE,
            seeds=1,
            columns=_on(ON_DIGITS),
        ),
        "pocket": Preset(
            note="4,000 images of CIFAR-10, 8 epochs and narrow networks, three seeds: shows what differs by more than "
            "the noise.",
            settings=POCKET,
            seeds=3,
            columns=_on(ON_CIFAR10),
        ),
        "paper": PAPER_PRESET,
    },
    published=load_published(Path(__file__).with_suffix(".toml")),
    deviations=(
        *DENSENET,
        "VGG-16 and ResNet-18 are the usual variants for images of 32×32: with batch normalisation and one linear "
        "layer, and with a stem of 3×3.",
        "The paper does not say which ReLUs of VGG-16 and ResNet-18 it replaced; ours replaces those of the first "
        "stage, except, in ResNet-18, the one whose output is also added to the shortcut: a convolution is not the "
        "only thing that follows it.",
        *PROTOCOL,
    ),
    runs="convrelu/images",
    gpu="60 runs of 350 epochs of 50,000 images",
)
