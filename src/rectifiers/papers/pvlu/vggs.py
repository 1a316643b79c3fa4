"""What the tables on VGG share: the two networks, and what stands for them in the small presets."""

from __future__ import annotations

from typing import Any

from ...experiments.experiment import Arm
from .finetuning import ENLARGED

COLUMNS = tuple(
    Arm(f"VGG-{depth}", {"network": f"vgg-{depth}-imagenet", "network_args": ENLARGED}) for depth in (16, 19)
)


def narrow(width: float, data: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The columns with the networks for images of 32×32.

    Args:
        width: factor of all numbers of filters.
        data: settings that name the data.
    """
    return {f"VGG-{depth}": {"network": f"vgg-{depth}", "network_args": {"width": width}, **data} for depth in (16, 19)}
