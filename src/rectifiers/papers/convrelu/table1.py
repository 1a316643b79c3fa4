"""Table 1: test accuracy of six functions in DenseNet-40 on CIFAR-10, CIFAR-100 and Tiny ImageNet."""

from __future__ import annotations

from pathlib import Path

from ...experiments.experiment import Experiment
from ..published import load_published
from . import PAPER
from .functions import COMPARED_FUNCTIONS
from .images import CIFAR10, CIFAR100, DENSENET, FUNCTIONS, PRESETS, PROTOCOL, SETTINGS, TINY_IMAGENET

experiment = Experiment(
    name="convrelu/table1",
    title="Six functions in DenseNet-40 on images",
    paper=PAPER,
    settings=SETTINGS,
    rows=FUNCTIONS,
    columns=(CIFAR10, CIFAR100, TINY_IMAGENET),
    presets=PRESETS,
    published=load_published(Path(__file__).with_suffix(".toml")),
    deviations=(
        *DENSENET,
        *PROTOCOL,
        *COMPARED_FUNCTIONS,
        "ImageNet is Tiny ImageNet. Each class has 50 validation and 50 test images, and the paper does not say "
        "which of them it tests on; the test images have no public labels, so ours tests on the validation images.",
        "The paper does not say how the network handles images of 64×64; ours averages over the positions that are "
        "left at the end.",
    ),
    runs="convrelu/images",
    gpu="90 runs of 350 epochs of 50,000 or 100,000 images",
)
