"""What is trained in a frozen network: its activations, and what others train in their place."""

from __future__ import annotations

from typing import Any

from ...experiments.experiment import Arm, Column, Preset

BEFORE: dict[str, Any] = {
    "dataset": "cifar10",
    "activation": "relu",
    "optimizer": "sgd",
    "lr": 0.1,
    "momentum": 0.9,
    "nesterov": True,
    "weight_decay": 5e-4,
    "batch_size": 128,
    "train_size": None,
    "epochs": 12,
    "schedule": "one-cycle",
    "warmup_epochs": 3,
    "augment": ("crop:2", "flip"),
}
"""How the network was trained."""

SETTINGS: dict[str, Any] = {
    "network": "vgg-11",
    "network_args": {"width": 1 / 8},
    "start": BEFORE,
    "optimizer": "adam",
    "batch_size": 32,
    "epochs": 10,
    "schedule": "cosine",
    "normalise": "cifar10",
    "augment": ("crop:2", "flip"),
}
"""How a part of it is trained further."""

RELU: dict[str, Any] = {"activation": "relu"}
FUNCTIONS: dict[str, dict[str, Any]] = {
    "PVLU": {"activation": "pvlu", "activation_args": {"alpha": 0.0, "beta": 1.0}},
    "PReLU's slopes": {"activation": "prelu", "activation_args": {"share": "channel", "a": 0.0}},
    "AdaReLU's thresholds": {"activation": "adarelu", "activation_args": {"relu_like": True}},
    "AReLU's two numbers": {"activation": "arelu", "activation_args": {"relu_like": True}},
    "PAU, rational": {"activation": "pau", "activation_args": {"relu_like": True}},
}
"""Activations that learn, started at ReLU or as near to it as they come."""

RIVALS: dict[str, dict[str, Any]] = {
    "Norms": {"trained": "norms"},
    "Biases (BitFit)": {"trained": "biases"},
    "IA³": {"trained": "adapter", "adapter": "ia3"},
    "LoRA, rank 1": {"trained": "adapter", "adapter": "lora:1"},
    "LoRA, rank 4": {"trained": "adapter", "adapter": "lora:4"},
}
"""What else is trained in a network with ReLU."""

RATE = 0.03
RATES = {
    "AdaReLU's thresholds": 0.01,
    "PAU, rational": 0.01,
    "Norms": 0.01,
    "Biases (BitFit)": 0.01,
    "LoRA, rank 4": 0.01,
    "All weights": 0.001,
}
"""Learning rates where `RATE` is not the best of three in the pocket of `peft/new-classes`, on held-out images."""

FEW = ("Head", "PVLU", "Norms", "Biases (BitFit)", "All weights")
"""Rows that need no further package."""


def rows(*, head: bool) -> tuple[Arm, ...]:
    """The rows of a table.

    Args:
        head: whether the last layer is trained in each row, as it must be where the classes are new.
    """
    parts = {
        **{label: {**function, "trained": "activations"} for label, function in FUNCTIONS.items()},
        **{label: {**RELU, **part} for label, part in RIVALS.items()},
    }
    if head:
        parts = {label: {**fields, "trained": f"{fields['trained']} and head"} for label, fields in parts.items()}
    every = {"Head": {**RELU, "trained": "head"}, **parts, "All weights": {**RELU, "trained": "all"}}
    return tuple(Arm(label, {**fields, "lr": RATES.get(label, RATE)}) for label, fields in every.items())


COUNTED = Column("numbers trained", {}, metric="trained_parameters")

SMOKE = Preset(
    note="64 digits, five rows: does it run at all?",
    settings={
        "dataset": "digits-32",
        "train_size": 64,
        "epochs": 1,
        "augment": (),
        "start": {"dataset": "digits-32", "train_size": 64, "batch_size": 32, "epochs": 2, "warmup_epochs": 1},
    },
    seeds=2,
    rows=FEW,
)

SMALL: dict[str, Any] = {
    "train_size": 6_000,
    "epochs": 1,
    "start": {"train_size": 20_000, "epochs": 3, "warmup_epochs": 1},
}
SMALL_NOTE = (
    "Trained on 20,000 images of CIFAR-10 for 3 epochs, fine-tuned in one pass over 6,000, ten seeds; `pip install "
    "peft` for IA³ and LoRA: an hour."
)
FULL_NOTE = "All images, 12 epochs of training and 10 of fine-tuning, ten seeds: days on two cores."

DEVIATIONS = (
    "Normalisation that is not trained keeps its running statistics as well.",
    "IA³ and LoRA are those of the package peft, in every convolution, with its initial values; LoRA's α is its rank.",
    "PAU stands for the rational functions of NoRA. Its coefficients are trained directly here, not by updates of low "
    "rank: five in the numerator and four in the denominator for each layer.",
    "Each row has the learning rate that was best of three (0.01, 0.03 and 0.1; 0.003 to 0.03 for LoRA, 0.001 to 0.01 "
    "for all weights) in the pocket of `peft/new-classes`, on a fifth of the training images that was held out, with "
    "a seed that no table contains.",
)
