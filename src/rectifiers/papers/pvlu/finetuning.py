"""The paper's protocol for fine-tuning: a trained network with ReLU, frozen, in which only PVLU's α and β learn."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from ...experiments.experiment import Arm, Lead, Preset

SETTINGS: dict[str, Any] = {
    "optimizer": "adam",
    "lr": 1e-3,
    "batch_size": 64,
    "epochs": 15,
    # The same for sharp and blurred images, and for those that the weights were trained on before.
    "normalise": "imagenet",
}

RELU: dict[str, Any] = {"activation": "relu"}
PVLU: dict[str, Any] = {"activation": "pvlu", "activation_args": {"alpha": 0.0, "beta": 1.0}}

RELU_ROW, PVLU_ROW = "ReLU", "PVLU (ours)"

DECREASE = Lead("Rel. Error Dec.", PVLU_ROW, (RELU_ROW,), relative=True)
"""The paper's last column: by how many percent of ReLU's error PVLU's is smaller."""

FROM_SCRATCH: dict[str, Any] = {"trained": "all", "start": None, "pretrained": None}
"""Settings of a network that does not start from another's weights."""

ENLARGED: dict[str, Any] = {"enlarge": 7}
"""Turns 32×32 pixels into 224×224."""


def rows(before: dict[str, Any], after: dict[str, Any]) -> tuple[Arm, ...]:
    """Make the rows: the network with ReLU, and the same with PVLU in its place.

    Args:
        before: settings of training with ReLU.
        after: settings of further training with PVLU.
    """
    return Arm(RELU_ROW, {**RELU, **before}), Arm(PVLU_ROW, {**PVLU, **after, "start": {**RELU, **before}})


def published_weights(name: str, *, behind: Collection[str]) -> dict[str, dict[str, Any]]:
    """Give what a column changes in the rows so that the network with ReLU starts from published weights.

    Args:
        name: name of the weights.
        behind: labels of the rows that start from that trained network.
    """
    weights = {"start": None, "pretrained": name}
    return {label: {"start": weights} if label in behind else weights for label in (RELU_ROW, PVLU_ROW)}


def rows_from_scratch(before: dict[str, Any], after: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Give what changes in the rows where the network is trained from scratch, not from weights of ImageNet.

    Args:
        before: settings of training with ReLU.
        after: settings of training with PVLU.
    """
    fresh = {**before, **FROM_SCRATCH}
    return {RELU_ROW: fresh, PVLU_ROW: {**after, "start": fresh}}


PAPER_PRESET = Preset(note="As published, as far as the paper states it.", comparable=True)

SMOKE: dict[str, Any] = {"train_size": 60, "batch_size": 30, "epochs": 1, "augment": ()}
POCKET: dict[str, Any] = {"normalise": "cifar10"}

ON_DIGITS: dict[str, Any] = {"dataset": "digits-32"}
ON_PART: dict[str, Any] = {"dataset": "cifar10", "train_size": 10_000}

BASE_TRAINING: dict[str, Any] = {"epochs": 10, "milestones": (8,), "augment": ("crop:4", "flip")}
"""Settings of training with ReLU in the preset `pocket`."""

SMOKE_NOTE = "60 digits, narrow networks trained from scratch: does it run at all?"
POCKET_NOTE = (
    "10,000 images of CIFAR-10 and a quarter of the filters, three seeds; where the paper starts from ImageNet "
    "weights, the network is trained from scratch for 10 epochs, and then fine-tuned for 5."
)

PROTOCOL = (
    "The value of β from which fine-tuning starts is missing from our copy of the paper; ours is 1. α starts at 0, as "
    "the paper says, so that the function starts as ReLU.",
    "The paper compares a network that was trained further with the same network before: the rows differ in training "
    "time as well as in the function.",
    "The paper does not state optimizer, learning rates and batch size; ours are Adam at 1e-3 and batches of 64.",
    "The paper does not say how many runs a number summarises, nor which epoch it is taken from; ours summarise five "
    "seeds after the last epoch.",
    "Our copy of the paper does not show to what size images are enlarged, if at all; we enlarge them to 224×224.",
    "The paper seems to compute PVLU's reduction of the error from accuracies before rounding: three of the ten "
    "printed decreases do not follow from the printed accuracies, but do follow from accuracies that round to them.",
)
