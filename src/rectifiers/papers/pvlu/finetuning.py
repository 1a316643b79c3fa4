"""The paper's protocol of fine-tuning: a trained network with ReLU, frozen, in which PVLU's α and β learn alone."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from ...experiments.experiment import Arm, Preset

SETTINGS: dict[str, Any] = {
    "optimizer": "adam",
    "lr": 1e-3,
    "batch_size": 64,
    "epochs": 15,
    # One measure for sharp and for blurred images, and for those on which weights were trained before.
    "normalise": "imagenet",
}

RELU: dict[str, Any] = {"activation": "relu"}
PVLU: dict[str, Any] = {"activation": "pvlu", "activation_args": {"alpha": 0.0, "beta": 1.0}}

RELU_ROW, PVLU_ROW = "ReLU", "PVLU (ours)"

FROM_SCRATCH: dict[str, Any] = {"trained": "all", "start": None, "pretrained": None}
"""How a network is trained where it starts from no other's weights."""

ENLARGED: dict[str, Any] = {"enlarge": 7}
"""32×32 pixels become 224×224."""


def rows(before: dict[str, Any], after: dict[str, Any]) -> tuple[Arm, ...]:
    """The network with ReLU, and the same with PVLU in its place.

    Args:
        before: how the network with ReLU is trained.
        after: how it learns on once PVLU is in it.
    """
    return Arm(RELU_ROW, {**RELU, **before}), Arm(PVLU_ROW, {**PVLU, **after, "start": {**RELU, **before}})


def published_weights(name: str, *, behind: Collection[str]) -> dict[str, dict[str, Any]]:
    """What a column changes in the rows, so that the network with ReLU starts from published weights.

    Args:
        name: of the weights.
        behind: labels of the rows that start where that network ends.
    """
    weights = {"start": None, "pretrained": name}
    return {label: {"start": weights} if label in behind else weights for label in (RELU_ROW, PVLU_ROW)}


def rows_from_scratch(before: dict[str, Any], after: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The same rows where the network is trained from the start instead of from weights of ImageNet.

    Args:
        before: settings of the training with ReLU.
        after: settings of the training with PVLU.
    """
    fresh = {**before, **FROM_SCRATCH}
    return {RELU_ROW: fresh, PVLU_ROW: {**after, "start": fresh}}


PAPER_PRESET = Preset(note="As published, as far as the paper tells.", comparable=True)

SMOKE: dict[str, Any] = {"train_size": 60, "batch_size": 30, "epochs": 1, "augment": ()}
POCKET: dict[str, Any] = {"normalise": "cifar10"}

ON_DIGITS: dict[str, Any] = {"dataset": "digits-32"}
ON_SUBSET: dict[str, Any] = {"dataset": "cifar10-subset"}

BASE_TRAINING: dict[str, Any] = {"epochs": 10, "milestones": (8,), "augment": ("crop:4", "flip")}
"""How the network of the pocket preset is trained with ReLU."""

SMOKE_NOTE = "60 digits, narrow networks trained from the start: does it run at all?"
POCKET_NOTE = (
    "10,000 images of CIFAR-10 and a quarter of the filters, three seeds; the network is trained for 10 epochs here, "
    "where the paper has weights from ImageNet, and fine-tuned for 5."
)

PROTOCOL = (
    "The value of β from which fine-tuning starts is lost in the text that we have; ours is 1. α starts at 0, as the "
    "paper says, so that the function starts at ReLU.",
    "The paper compares a network trained further with the same network before: the rows differ in training time as "
    "well as in the function.",
    "Optimizer, learning rates and batches the paper does not state; ours are Adam at 1e-3 and batches of 64.",
    "The paper does not say how many trainings a number stands for, nor of which epoch it is; ours are five seeds and "
    "the last epoch.",
    "To what size images are enlarged, if at all, the text that we have does not tell; ours is 224×224.",
    "How much PVLU reduces the error is computed from accuracies before they are rounded, it seems: three of the ten "
    "printed decreases do not follow from the printed accuracies, but from others that round to them.",
)
