"""The paper's protocol for images: DenseNet-40, the usual augmentation, 350 epochs of SGD with two steps."""

from __future__ import annotations

from typing import Any

from ...experiments.experiment import Arm, Preset
from .functions import functions

SETTINGS: dict[str, Any] = {
    "network": "densenet-convrelu",
    "optimizer": "sgd",
    "lr": 0.1,
    "momentum": 0.9,
    "weight_decay": 5e-4,
    "activation_weight_decay": 5e-4,
    "batch_size": 128,
    "epochs": 350,
    "milestones": (150, 250),
    "normalise": "standard",
    "augment": ("crop:4", "flip"),
}

FIRST, LAST = "block1", "block4"
BLOCKS = "block1, block2, block3, block4"
EVERYWHERE = "block1, transition1, block2, transition2, block3, transition3, block4"
"""Every ReLU that is followed by a convolution."""

CONVRELU: dict[str, Any] = {"activation": "convrelu2d"}

FUNCTIONS = functions(CONVRELU, FIRST, EVERYWHERE)

CIFAR10 = Arm("Cifar10", {"dataset": "cifar10"})
CIFAR100 = Arm("Cifar100", {"dataset": "cifar100"})
TINY_IMAGENET = Arm("ImageNet", {"dataset": "tiny-imagenet"})

PAPER_PRESET = Preset(note="350 epochs of all images; as published, as far as the paper states it.", comparable=True)

SMOKE: dict[str, Any] = {
    "network_args": {"blocks": (1, 1, 1, 1), "growth": 4, "stem": 8},
    "epochs": 1,
    "milestones": (),
    "train_size": 64,
    "batch_size": 32,
}

POCKET: dict[str, Any] = {
    "network_args": {"blocks": (2, 2, 2, 2), "growth": 8, "stem": 16},
    "lr": 0.05,
    "epochs": 8,
    "milestones": (6,),
    "train_size": 4_000,
    "batch_size": 32,
}

ON_DIGITS: dict[str, Any] = {"dataset": "digits-32"}
ON_CIFAR10: dict[str, Any] = {"dataset": "cifar10"}

PRESETS = {
    "smoke": Preset(
        note="64 digits and a DenseNet of four layers: does it run at all?",
        settings=SMOKE,
        seeds=1,
        columns={"Cifar10": ON_DIGITS},
    ),
    "pocket": Preset(
        note="4,000 images of CIFAR-10, 8 epochs, and a DenseNet of four blocks of two layers with growth 8, three "
        "seeds: shows in minutes what differs by more than the noise.",
        settings=POCKET,
        seeds=3,
        columns={"Cifar10": ON_CIFAR10},
    ),
    "paper": PAPER_PRESET,
}

PROTOCOL = (
    "The paper states SGD, a learning rate of 0.1 with two steps by 0.1 at epochs 150 and 250, and batches of 128. It "
    "does not state the number of epochs, momentum and weight decay; 350, 0.9 and 5e-4 are usual with these steps.",
    "The paper calls its augmentation the standard one; ours pads by 4, crops at random and flips, and normalises by "
    "the mean and deviation of each channel.",
    "The paper does not say how strong the L2 penalty on the thresholds is; ours is 5e-4, as for the weights, and "
    "applies to the slopes of PReLU too, for which its own paper advises against it.",
    "The paper chose its settings on Cifar10 and AG's News, which are among the data on which it reports results.",
    "The paper does not say how many runs a number summarises, nor which epoch it is taken from; ours summarise five "
    "seeds after the last epoch.",
)

DENSENET = (
    "The DenseNet-40 that the paper draws has three dense blocks of 8 layers. Its own parameter counts (Table 6) "
    "contradict that, but fit blocks of 6, 12, 24 and 16 bottleneck layers with growth 12 exactly; ours is that "
    "network.",
    "The first block has twelve ReLUs in six layers, which is what the additional parameters of Table 6 imply.",
)
