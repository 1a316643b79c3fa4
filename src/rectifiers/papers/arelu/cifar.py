"""What Tables 3 and 4 share: AReLU's starting values, and the schedule of SGD on CIFAR."""

from __future__ import annotations

from typing import Any

from ...experiments.experiment import Arm, Lead
from .functions import LEARNABLE, NON_LEARNABLE

ARELU = Arm("AReLU", {"activation": "arelu", "activation_args": {"alpha": 0.75, "beta": 1.0}})

FUNCTIONS = (*NON_LEARNABLE, *LEARNABLE, ARELU)

SETTINGS: dict[str, Any] = {
    "optimizer": "sgd",
    "lr": 0.1,
    "momentum": 0.9,
    "nesterov": True,
    "weight_decay": 5e-4,
    "activation_weight_decay": 5e-4,
    "normalise": "standard",
}

ON_CIFAR10: dict[str, Any] = {
    **SETTINGS,
    "dataset": "cifar10",
    "batch_size": 128,
    "epochs": 100,
    "milestones": (50, 75),
    "gamma": 0.1,
    "augment": ("crop:4", "flip"),
}

ON_CIFAR100: dict[str, Any] = {
    **SETTINGS,
    "dataset": "cifar100",
    "batch_size": 64,
    "epochs": 200,
    "milestones": (60, 120, 160),
    "gamma": 0.2,
    "warmup_epochs": 1,
    "augment": ("crop:4", "flip", "rotate:15"),
}

SMOKE: dict[str, Any] = {"epochs": 1, "milestones": (), "warmup_epochs": 0, "train_size": 32, "batch_size": 16}

POCKET: dict[str, Any] = {
    "dataset": "cifar10",
    "lr": 0.05,
    "epochs": 6,
    "milestones": (4,),
    "train_size": 4_000,
    "batch_size": 64,
}

IMPROVEMENT = Lead("Improvement", "AReLU", ("ReLU",))

PROTOCOL = (
    "AReLU starts from α = 0.75 and β = 1.0, as the paper says for CIFAR.",
    "Weight decay applies to α and β too: the paper names no separate one for them, and says that weight decay pushes "
    "α to zero.",
    "No seeds are published; ours are 0 to 4. Weights are initialised as PyTorch does by default.",
    "The paper does not say whether a run is reported by its last epoch or by the epoch that is best on the test "
    "data; ours are reported by their last.",
)
