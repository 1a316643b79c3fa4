"""What these experiments share: a small network that learns CIFAR-10 in a few minutes of one core."""

from __future__ import annotations

from typing import Any

WIDTH = 1 / 8

SETTINGS: dict[str, Any] = {
    "dataset": "cifar10",
    "network": "vgg-11",
    "network_args": {"width": WIDTH},
    "optimizer": "sgd",
    "lr": 0.1,
    "momentum": 0.9,
    "nesterov": True,
    "weight_decay": 5e-4,
    "batch_size": 128,
    "epochs": 12,
    "schedule": "one-cycle",
    "warmup_epochs": 3,
    "label_smoothing": 0.1,
    "normalise": "cifar10",
    "augment": ("crop:2", "flip"),
}

SMOKE: dict[str, Any] = {
    "dataset": "digits-32",
    "train_size": 64,
    "batch_size": 32,
    "epochs": 2,
    "warmup_epochs": 1,
    "augment": (),
}

NOTE = "VGG-11 with an eighth of the filters, 12 epochs of all 50,000 images, tested on all 10,000"

SPREAD = 0.36
"""Standard deviation of differences between two of these networks with the same seed, in percentage points."""
SPREAD_SOURCE = "√2 times that of the 13 ReLU networks of `results/decide-pvlu`, 0.25 points"

ASSUMPTIONS = (
    "The network is far smaller than the papers', so that it learns in minutes; what holds for it need not hold for "
    "theirs.",
    "Learning rate, schedule, smoothing and augmentation are usual values, the same for all rows, and were not tuned.",
)
"""What all of these experiments rest on."""
