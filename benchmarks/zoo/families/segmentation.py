"""Architectures of segmentation-models-pytorch, each on three encoders."""

from __future__ import annotations

import functools
from collections.abc import Iterator

import segmentation_models_pytorch as smp
from torch import nn

from ..entry import Entry, image_entry

ARCHITECTURES = (
    "Unet",
    "UnetPlusPlus",
    "MAnet",
    "Linknet",
    "FPN",
    "PSPNet",
    "DeepLabV3",
    "DeepLabV3Plus",
    "PAN",
    "UPerNet",
    "Segformer",
)

ENCODERS = ("resnet18", "mobilenet_v2", "mit_b0")
"""One of ReLUs, one of ReLU6s, and one of GELUs."""

UNFIT = {"mit_b0": ("DeepLabV3", "Linknet", "UnetPlusPlus"), "resnet18": (), "mobilenet_v2": ("PAN",)}
"""Which architectures do not take an encoder."""


def entries() -> Iterator[Entry]:
    """Yield the models."""
    for name in ARCHITECTURES:
        for encoder in ENCODERS:
            if name not in UNFIT.get(encoder, ()):
                yield image_entry(
                    f"segmentation/{name}-{encoder}",
                    "segmentation-models-pytorch",
                    functools.partial(_make, name, encoder),
                    sizes=(64, 128, 192, 256),
                )


def _make(name: str, encoder: str) -> nn.Module:
    model: nn.Module = getattr(smp, name)(encoder_name=encoder, encoder_weights=None, classes=3)
    return model
