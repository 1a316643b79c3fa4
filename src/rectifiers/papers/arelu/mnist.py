"""The paper's protocol on MNIST: MNIST-Conv, two optimizers, four learning rates, five seeds."""

from __future__ import annotations

from typing import Any

from ...experiments.experiment import Arm, Preset

SETTINGS: dict[str, Any] = {"dataset": "mnist", "network": "mnist-conv", "batch_size": 128, "normalise": "unit"}

OPTIMIZERS: dict[str, dict[str, Any]] = {"Adam": {"optimizer": "adam"}, "SGD": {"optimizer": "sgd", "momentum": 0.9}}

COLUMNS = tuple(
    Arm(f"{name} {rate}", {**optimizer, "lr": float(rate)})
    for rate in ("1e-2", "1e-3", "1e-4", "1e-5")
    for name, optimizer in OPTIMIZERS.items()
)

# Where functions are furthest apart, in the paper and within few steps.
POCKET_COLUMNS = ("Adam 1e-3", "SGD 1e-3")

ONE_EPOCH = {
    "smoke": Preset(
        note="512 images, two seeds, three functions: does it run at all?",
        settings={"train_size": 512},
        seeds=2,
        rows=("ReLU", "PReLU", "AReLU"),
        columns=("SGD 1e-2",),
    ),
    "pocket": Preset(
        note="A third of the images, one learning rate, three seeds: all functions in minutes, at accuracies below the "
        "paper's.",
        settings={"train_size": 20_000},
        seeds=3,
        columns=POCKET_COLUMNS,
    ),
    "paper": Preset(note="As published: 760 runs of one epoch.", comparable=True),
}

TWENTY_EPOCHS = {
    "smoke": Preset(
        note="Two epochs of 512 images, two seeds, three functions: does it run at all?",
        settings={"epochs": 2, "train_size": 512},
        seeds=2,
        rows=("ReLU", "PReLU", "AReLU"),
        columns=("SGD 1e-2",),
    ),
    "pocket": Preset(
        note="Five epochs of a tenth of the images, one learning rate, three seeds: all functions in minutes, at "
        "accuracies below the paper's.",
        settings={"epochs": 5, "train_size": 6_000},
        seeds=3,
        columns=POCKET_COLUMNS,
    ),
    "paper": Preset(note="As published: 760 runs of 20 epochs; hours on two cores.", comparable=True),
}

PROTOCOL = (
    "For MNIST the paper states neither batch size, momentum, weight decay nor the scaling of pixels. Batches of 128, "
    "momentum 0.9 for SGD, no weight decay and division by 255 follow the authors' public code; Adam has PyTorch's "
    "defaults.",
    "No seeds are published; ours are 0 to 4. Weights are initialised as PyTorch does by default.",
)

COMPARED_FUNCTIONS = (
    "GELU, APL, Comb, PAU, SLAF and Maxout are as in the authors' code, not as in the papers that proposed them: GELU "
    "in its tanh form, the learnable ones with scalars per layer, SLAF of degree 1 (an affine function), Maxout over "
    "one piece (the identity), Comb of the identity and ReLU.",
    "All others have PyTorch's default constants, as in the authors' code.",
)

BEST_EPOCH = (
    "A run is reported by its best epoch on the test data, as in the authors' code. That is optimistic; the accuracy "
    "after the last epoch is a separate metric.",
)
