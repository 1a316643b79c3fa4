"""What the tables on VGG share: the two networks with their weights, and what stands for them in the small presets."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from ...experiments.experiment import Column
from .finetuning import ENLARGED, published_weights

DEPTHS = (16, 19)


def columns(*, behind: Collection[str]) -> tuple[Column, ...]:
    """Make the columns of VGG-16 and VGG-19 with the weights that torchvision publishes.

    Args:
        behind: labels of the rows that start from the network trained with ReLU.
    """
    return tuple(
        Column(
            f"VGG-{depth}",
            {"network": f"vgg-{depth}-imagenet", "network_args": ENLARGED},
            cells=published_weights(f"vgg-{depth}-imagenet1k-v1", behind=behind),
        )
        for depth in DEPTHS
    )


def narrow_columns(width: float, data: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Give the columns the networks for images of 32×32.

    Args:
        width: factor of all numbers of filters.
        data: settings that name the data.
    """
    return {f"VGG-{depth}": {"network": f"vgg-{depth}", "network_args": {"width": width}, **data} for depth in DEPTHS}


WEIGHTS = (
    "The paper takes weights pretrained on ImageNet from Keras; ours are those that torchvision publishes for the "
    "same networks, the same for all seeds."
)
