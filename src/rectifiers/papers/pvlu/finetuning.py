"""The paper's protocol of fine-tuning: a trained network with ReLU, frozen, in which PVLU's α and β learn alone."""

from __future__ import annotations

from typing import Any

from ...experiments.experiment import Arm, Preset

SETTINGS: dict[str, Any] = {
    "optimizer": "adam",
    "lr": 1e-3,
    "batch_size": 64,
    "epochs": 15,
    "normalise": "standard",
}

ROWS = (
    Arm("ReLU", {"activation": "relu"}),
    Arm("PVLU (ours)", {"activation": "pvlu", "activation_args": {"alpha": 0.0, "beta": 1.0}}),
)

PRESETS = {"paper": Preset(note="As published, as far as the paper tells.", comparable=True)}

PROTOCOL = (
    "The value of β from which fine-tuning starts is lost in the text that we have; ours is 1. α starts at 0, as the "
    "paper says, so that the function starts at ReLU.",
    "The paper compares a network trained further with the same network before: the rows differ in training time as "
    "well as in the function.",
    "Optimizer, learning rates and batches the paper does not state; ours are Adam at 1e-3 and batches of 64.",
    "The paper does not say how many trainings a number stands for, nor of which epoch it is; ours are five seeds and "
    "the last epoch.",
    "To what size images are enlarged, if at all, the text that we have does not tell; ours is 224×224.",
    "Weights pretrained on ImageNet are not those of Keras, which the paper used.",
    "How much PVLU reduces the error is computed from accuracies before they are rounded, it seems: three of the ten "
    "printed decreases do not follow from the printed accuracies, but from others that round to them.",
)

NEEDS = ("fine-tuning of frozen networks",)
