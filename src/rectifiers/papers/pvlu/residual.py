"""What the tables on ResNets share: batch normalisation learns first, then α and β with it."""

from __future__ import annotations

from typing import Any

from ...experiments.experiment import Column, Preset
from .finetuning import (
    BASE_TRAINING,
    ENLARGED,
    ON_DIGITS,
    ON_PART,
    PAPER_PRESET,
    POCKET,
    POCKET_NOTE,
    PVLU_ROW,
    RELU,
    SMOKE,
    SMOKE_NOTE,
    published_weights,
    rows,
    rows_from_scratch,
)

IMAGENET: dict[str, Any] = {
    "dataset": "imagenet",
    "network_args": {},
    "optimizer": "sgd",
    "lr": 0.01,
    "momentum": 0.9,
    "weight_decay": 5e-4,
    "epochs": 90,
    "milestones": (30, 60),
    "augment": ("patch:224", "flip"),
    **RELU,
}
"""Settings of the runs that give the networks with pre-activation their weights."""

ROWS = rows(
    before={"trained": "activations, norms and head", "start": IMAGENET},
    after={"trained": "activations and norms"},
)


def columns(*labels: str) -> tuple[Column, ...]:
    """Make the columns of ResNet-50, ResNet-101 v2 and ResNet-152 v2.

    Args:
        labels: as the table prints them.
    """
    published = published_weights("resnet-50-imagenet1k-v1", behind=[PVLU_ROW])
    networks = {"resnet-50-imagenet": published, "resnet-101-v2": {}, "resnet-152-v2": {}}
    return tuple(
        Column(label, {"network": name, "network_args": ENLARGED}, cells=cells)
        for label, (name, cells) in zip(labels, networks.items(), strict=True)
    )


def _narrow(width: float, **data: Any) -> dict[str, dict[str, Any]]:
    return {"R50": {"network": "resnet-50", "network_args": {"width": width}, **data}}


PRESETS = {
    "smoke": Preset(
        note=SMOKE_NOTE,
        settings=SMOKE,
        seeds=1,
        rows=rows_from_scratch({}, {}),
        columns=_narrow(1 / 16, **ON_DIGITS),
    ),
    "pocket": Preset(
        note=POCKET_NOTE,
        settings=POCKET,
        seeds=3,
        rows=rows_from_scratch(BASE_TRAINING, {"epochs": 5}),
        columns=_narrow(1 / 8, **ON_PART),
    ),
    "paper": PAPER_PRESET,
}

TWO_STEPS = (
    "Networks are trained for 15 epochs with ReLU, then for 15 with PVLU; batch normalisation learns in both, as the "
    "paper says. With ReLU the last layer learns too, because its classes are not ImageNet's."
)

WEIGHTS = (
    "The paper takes weights pretrained on ImageNet from Keras. Ours for ResNet-50 are those that torchvision "
    "publishes, the same for all seeds; torchvision's blocks have the stride in their 3×3 convolution and no biases, "
    "those of Keras have the stride in their first 1×1 convolution, have biases, and add 1.001e-5 instead of 1e-5 in "
    "their normalisation. For the networks with pre-activation torchvision has no weights, so they are first trained "
    "here, on ImageNet, for 90 epochs of SGD at 0.01 with steps by 0.1 at epochs 30 and 60."
)
