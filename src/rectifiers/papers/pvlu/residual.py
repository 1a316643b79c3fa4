"""What the tables on ResNets share: batch normalisation learns, then α and β with it."""

from __future__ import annotations

from typing import Any

from ...experiments.experiment import Arm, Preset
from .finetuning import (
    ENLARGED,
    IMAGENET,
    ON_DIGITS,
    ON_SUBSET,
    PAPER_PRESET,
    POCKET,
    POCKET_NOTE,
    SMOKE,
    SMOKE_NOTE,
    TRAINED_HERE,
    from_nothing,
    rows,
)

ROWS = rows(
    before={"trained": "activations, norms and head", "start": IMAGENET},
    after={"trained": "activations and norms"},
)


def columns(*labels: str) -> tuple[Arm, ...]:
    """ResNet-50, ResNet-101 v2 and ResNet-152 v2.

    Args:
        labels: as the table prints them.
    """
    names = ("resnet-50-imagenet", "resnet-101-v2", "resnet-152-v2")
    return tuple(
        Arm(label, {"network": name, "network_args": ENLARGED}) for label, name in zip(labels, names, strict=True)
    )


def _narrow(width: float, **data: Any) -> dict[str, dict[str, Any]]:
    return {"R50": {"network": "resnet-50", "network_args": {"width": width}, **data}}


PRESETS = {
    "smoke": Preset(
        note=SMOKE_NOTE,
        settings=SMOKE,
        seeds=1,
        rows=from_nothing({}, {}),
        columns=_narrow(1 / 16, **ON_DIGITS),
    ),
    "pocket": Preset(
        note=POCKET_NOTE,
        settings=POCKET,
        seeds=3,
        rows=from_nothing(TRAINED_HERE, {"epochs": 5}),
        columns=_narrow(1 / 8, **ON_SUBSET),
    ),
    "paper": PAPER_PRESET,
}

RETRAINED = (
    "15 epochs with ReLU, then 15 with PVLU; batch normalisation learns in both, as the paper says. In the first the "
    "last layer learns too, for it is another than ImageNet's."
)
