"""Table 4: top-1 and top-5 test accuracy of ReLU and AReLU in six networks on CIFAR-100."""

from __future__ import annotations

from pathlib import Path

from ...experiments.experiment import Arm, Experiment, Preset
from ..published import load_published
from . import PAPER
from .cifar import ARELU, IMPROVEMENT, ON_CIFAR100, PROTOCOL

NETWORKS = {
    "VGG-11": "vgg-11",
    "VGG-13": "vgg-13",
    "SEResNet18": "se-resnet-18",
    "ResNet-18": "resnet-18",
    "ShuffleNet-v2": "shufflenet-v2",
    "SqueezeNet": "squeezenet",
}

experiment = Experiment(
    name="arelu/table4",
    title="ReLU and AReLU in six networks on CIFAR-100",
    paper=PAPER,
    settings=ON_CIFAR100,
    rows=(Arm("ReLU", {"activation": "relu"}), ARELU),
    columns=tuple(
        Arm(f"{label} @top-{k}", {"network": network}) for label, network in NETWORKS.items() for k in (1, 5)
    ),
    presets={"paper": Preset(note="As published: 60 trainings of 200 epochs.", comparable=True)},
    published=load_published(Path(__file__).with_suffix(".toml")),
    leads=(IMPROVEMENT,),
    deviations=(
        *PROTOCOL,
        "The paper follows the settings of a public repository for CIFAR-100. From there come, and are not in the "
        "paper: crop after padding by 4, flip, rotation by up to 15°, and one epoch of warm-up.",
    ),
    needs=("augmentation", "top-5"),
    gpu="60 trainings of 200 epochs of 50,000 images",
)
