"""What Table 1, the figures and Table 6 share: ConvPool-CNN-C on CIFAR, and its protocol."""

from __future__ import annotations

from typing import Any

SETTINGS: dict[str, Any] = {
    "network": "convpool-cnn-c",
    "optimizer": "sgd",
    "lr": 0.05,
    "momentum": 0.9,
    "weight_decay": 0.001,
    "epochs": 350,
    "milestones": (200, 250, 300),
    "normalise": "standard",
    "augment": ("flip",),
}

SMOKE: dict[str, Any] = {"epochs": 1, "milestones": (), "train_size": 80, "batch_size": 40, "augment": ()}

POCKET: dict[str, Any] = {
    "optimizer": "adam",
    "momentum": 0.0,
    "lr": 1e-3,
    "weight_decay": 0.0,
    "epochs": 8,
    "milestones": (6,),
    "batch_size": 64,
    "augment": (),
}

SMALLEST: dict[str, float] = {"width": 1 / 24}
SMALL: dict[str, float] = {"width": 1 / 6, "dropout": 1 / 4}
"""The networks of the presets: factors of all numbers of filters and of the dropout."""

ON_DIGITS: dict[str, Any] = {"dataset": "digits-32"}
ON_PART: dict[str, Any] = {"dataset": "cifar10", "train_size": 10_000}
