"""UNet (Ronneberger, Fischer, Brox, 2015), batch-normalised, for the segmentation of brain images."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn

from ..core.checks import check_count
from ..core.errors import ShapeError
from .blocks import Act, activate, check_least_side, conv_norm
from .spec import NetworkSpec

DEPTH = 4
"""How many times the sides are halved."""


class UNet(nn.Module):
    """UNet of 32 to 512 features: four levels down, four up, each reading its counterpart on the way down.

    It returns one logit per position; the sigmoid of the logits is the mask.

    Args:
        act: makes an activation for a number of channels.
        shape: (channels, height, width), each side a multiple of 16; 256 in the paper.
        classes: number of masks.
        features: features of the first level; each level below has twice as many.

    Shape:
        (N, channels, height, width) in, (N, classes, height, width) out.

    Raises:
        ShapeError: sides that cannot be halved four times.
        ConfigError: `features` is not a positive integer.

    Example:
        >>> net = UNet(lambda channels: nn.ReLU(), shape=(3, 256, 256), classes=1)
        >>> sum(p.numel() for p in net.parameters())
        7763041
    """

    spec: ClassVar[NetworkSpec] = NetworkSpec(
        title="UNet",
        paper="Ronneberger, Fischer, Brox (2015), as in Buda, Saha, Mazurowski (2019); AReLU, Figures 5 and 9",
        shape=(3, 256, 256),
        classes=1,
    )

    def __init__(self, act: Act, *, shape: tuple[int, ...], classes: int, features: int = 32) -> None:
        super().__init__()
        title, multiple = self.spec.title, 2**DEPTH
        channels = check_least_side(title, shape, multiple)
        if shape[1] % multiple or shape[2] % multiple:
            raise ShapeError(
                f"{title} takes images whose sides are multiples of {multiple}, got {shape[1]}×{shape[2]}; pad them"
            )
        widths = [check_count(title, "features", features) * 2**level for level in range(DEPTH + 1)]
        passed: list[int] = []
        for level, width in enumerate(widths[:-1], 1):
            block, channels = _two_convolutions(act, channels, width)
            self.add_module(f"encoder{level}", block)
            passed.append(channels)
        self.bottleneck, channels = _two_convolutions(act, channels, widths[-1])
        for level in range(DEPTH, 0, -1):
            width = widths[level - 1]
            self.add_module(f"up{level}", nn.ConvTranspose2d(channels, width, 2, stride=2))
            block, channels = _two_convolutions(act, width + passed[level - 1], width)
            self.add_module(f"decoder{level}", block)
        self.conv = nn.Conv2d(channels, classes, 1)
        self.pool = nn.MaxPool2d(2)

    def forward(self, images: Tensor) -> Tensor:
        """Compute the logits of every position of a batch of images."""
        x, passed = images, []
        for level in range(1, DEPTH + 1):
            x = self.get_submodule(f"encoder{level}")(x)
            passed.append(x)
            x = self.pool(x)
        x = self.bottleneck(x)
        for level in range(DEPTH, 0, -1):
            x = torch.cat([self.get_submodule(f"up{level}")(x), passed[level - 1]], 1)
            x = self.get_submodule(f"decoder{level}")(x)
        logits: Tensor = self.conv(x)
        return logits


def _two_convolutions(act: Act, channels: int, filters: int) -> tuple[nn.Sequential, int]:
    layers: list[nn.Module] = []
    for _ in range(2):
        function, out = activate(act, filters)
        layers += [*conv_norm(channels, filters, 3, bias=False), function]
        channels = out
    return nn.Sequential(*layers), channels
