"""Table 4: top-1 and top-5 test accuracy of ReLU and AReLU in six networks on CIFAR-100."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ...experiments.experiment import Arm, Column, Experiment, Preset
from ...experiments.result import Metric
from ..published import load_published
from . import PAPER
from .cifar import ARELU, IMPROVEMENT, ON_CIFAR100, POCKET, PROTOCOL, SMOKE

NETWORKS = {
    "VGG-11": "vgg-11",
    "VGG-13": "vgg-13",
    "SEResNet18": "se-resnet-18",
    "ResNet-18": "resnet-18",
    "ShuffleNet-v2": "shufflenet-v2",
    "SqueezeNet": "squeezenet",
}

HIDDEN: dict[str, dict[str, Any]] = {label: {"hidden": 4096} for label in ("VGG-11", "VGG-13")}
METRICS: dict[int, Metric] = {1: "final_epoch", 5: "final_top5"}

experiment = Experiment(
    name="arelu/table4",
    title="ReLU and AReLU in six networks on CIFAR-100",
    paper=PAPER,
    settings=ON_CIFAR100,
    rows=(Arm("ReLU", {"activation": "relu"}), ARELU),
    columns=tuple(
        Column(f"{label} @top-{k}", {"network": network, "network_args": HIDDEN.get(label, {})}, metric=metric)
        for label, network in NETWORKS.items()
        for k, metric in METRICS.items()
    ),
    presets={
        "smoke": Preset(
            note="Noise in the shape of CIFAR-100 and three narrow networks: does it run at all?",
            settings={**SMOKE, "dataset": "generated:cifar100"},
            seeds=1,
            columns={
                f"{label} @top-{k}": {"network_args": {"width": 0.0625}}
                for label in ("VGG-11", "SEResNet18")
                for k in METRICS
            },
        ),
        "pocket": Preset(
            note="4,000 images of CIFAR-10 instead of CIFAR-100, 6 epochs and narrow networks, three seeds; with ten "
            "classes, top-5 accuracy says nothing.",
            settings=POCKET,
            seeds=3,
            columns={
                f"{label} @top-1": {"network_args": {"width": width}}
                for label, width in (("VGG-11", 0.25), ("VGG-13", 0.25), ("SEResNet18", 0.125), ("ResNet-18", 0.125))
            },
        ),
        "paper": Preset(note="As published: 60 runs of 200 epochs.", comparable=True),
    },
    published=load_published(Path(__file__).with_suffix(".toml")),
    leads=(IMPROVEMENT,),
    deviations=(
        *PROTOCOL,
        "The paper follows the settings of a public repository for CIFAR-100. From there, and not from the paper, "
        "come the crop after padding by 4, the flip, rotation by up to 15°, the normalisation by the mean and "
        "deviation of each channel, one epoch of warm-up, and two hidden layers of 4,096 units after VGG's "
        "convolutions.",
    ),
    runs="arelu/cifar100",
    gpu="60 runs of 200 epochs of 50,000 images",
)
