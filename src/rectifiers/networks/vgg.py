"""VGG for small images (Simonyan, Zisserman, 2015), batch-normalised, as is customary on CIFAR."""

from __future__ import annotations

import itertools
from collections import OrderedDict
from collections.abc import Sequence
from typing import ClassVar

from torch import nn

from ..core.checks import check_count
from .blocks import Act, Halve, Network, activate, check_least_side, conv_norm, halve_filters, scale_channels
from .spec import NetworkSpec

FILTERS = (64, 128, 256, 512, 512)
"""Filters of every convolution of a stage; a stage ends in max-pooling."""


def convolutional_stages(
    act: Act,
    channels: int,
    filters: Sequence[int],
    depths: Sequence[int],
    *,
    eps: float = 1e-5,
    dropout: Sequence[float] = (),
) -> tuple[OrderedDict[str, nn.Module], int]:
    """Make stages of normalised 3×3 convolutions with an activation each, and max-pooling at their ends.

    Args:
        act: makes an activation for a number of channels.
        channels: channels in.
        filters: of every convolution, in forward order.
        depths: convolutions of each stage.
        eps: what the normalisation adds to the variance.
        dropout: rate between the convolutions of each stage; none by default.

    Returns:
        The stages by name, and the channels that come out.
    """
    stages: OrderedDict[str, nn.Module] = OrderedDict()
    remaining = iter(filters)
    for number, depth in enumerate(depths):
        layers: list[nn.Module] = []
        for place, here in enumerate(itertools.islice(remaining, depth)):
            if place and dropout:
                layers.append(nn.Dropout(dropout[number]))
            function, out = activate(act, here)
            layers += [*conv_norm(channels, here, 3, eps=eps), function]
            channels = out
        stages[f"stage{number + 1}"] = nn.Sequential(*layers, nn.MaxPool2d(2))
    return stages, channels


def layout(depths: Sequence[int]) -> list[int]:
    """List the filters of every convolution of stages of these depths.

    Example:
        >>> layout((1, 1, 2, 2, 2))
        [64, 128, 256, 256, 512, 512, 512, 512]
    """
    return [filters for filters, depth in zip(FILTERS, depths, strict=True) for _ in range(depth)]


class VGG(Network):
    """Base of the VGGs: five stages of 3×3 convolutions, then a classifier.

    Attributes:
        depths: convolutions of each stage.

    Args:
        act: makes an activation for a number of channels.
        shape: (channels, height, width), each side at least 32.
        classes: number of logits.
        width: factor of all numbers of filters.
        hidden: units of two more linear layers, with an activation and dropout each; None: none.
        halve: the convolutions that get half their filters.

    Raises:
        ShapeError: images that are too small.
        ConfigError: an option outside its domain.
    """

    depths: ClassVar[tuple[int, ...]]

    def __init__(
        self,
        act: Act,
        *,
        shape: tuple[int, ...],
        classes: int,
        width: float = 1.0,
        hidden: int | None = None,
        halve: Halve = False,
    ) -> None:
        title = self.spec.title
        channels = check_least_side(title, shape, 32)
        filters = [scale_channels(title, number, width) for number in layout(self.depths)]
        parts, channels = convolutional_stages(act, channels, halve_filters(title, filters, halve), self.depths)
        parts["pool"] = nn.AdaptiveAvgPool2d(1)
        parts["flatten"] = nn.Flatten()
        if hidden is not None:
            check_count(title, "hidden", hidden)
            for name in ("hidden1", "hidden2"):
                function, out = activate(act, hidden)
                parts[name] = nn.Sequential(nn.Linear(channels, hidden), function, nn.Dropout())
                channels = out
        parts["fc"] = nn.Linear(channels, classes)
        super().__init__(parts)


class VGG11(VGG):
    """VGG-11 for small images: 8 convolutions, batch-normalised, and one linear layer.

    AReLU's CIFAR-100 tables follow a collection of networks in which two hidden layers of 4,096 units precede the
    logits: `hidden=4096`.

    Args:
        act: makes an activation for a number of channels.
        shape: (channels, height, width), each side at least 32.
        classes: number of logits.
        width: factor of all numbers of filters.
        hidden: units of two more linear layers, with an activation and dropout each; None: none.
        halve: the convolutions that get half their filters.

    Shape:
        (N, channels, height, width) in, (N, classes) out.

    Example:
        >>> net = VGG11(lambda channels: nn.ReLU(), shape=(3, 32, 32), classes=10)
        >>> sum(p.numel() for p in net.parameters())
        9231114
    """

    spec = NetworkSpec(
        title="VGG-11",
        paper="Simonyan, Zisserman (2015); AReLU, Tables 3 and 4",
        shape=(3, 32, 32),
        classes=10,
    )
    depths = (1, 1, 2, 2, 2)


class VGG13(VGG):
    """VGG-13 for small images: 10 convolutions, batch-normalised, and one linear layer.

    Args: those of `VGG11`.

    Shape:
        (N, channels, height, width) in, (N, classes) out.

    Example:
        >>> net = VGG13(lambda channels: nn.ReLU(), shape=(3, 32, 32), classes=10)
        >>> sum(p.numel() for p in net.parameters())
        9416010
    """

    spec = NetworkSpec(
        title="VGG-13",
        paper="Simonyan, Zisserman (2015); AReLU, Table 4",
        shape=(3, 32, 32),
        classes=100,
    )
    depths = (2, 2, 2, 2, 2)


class VGG16(VGG):
    """VGG-16 for small images: 13 convolutions, batch-normalised, and one linear layer.

    Args: those of `VGG11`.

    Shape:
        (N, channels, height, width) in, (N, classes) out.

    Example:
        >>> net = VGG16(lambda channels: nn.ReLU(), shape=(3, 32, 32), classes=10)
        >>> sum(p.numel() for p in net.parameters())
        14728266
    """

    spec = NetworkSpec(
        title="VGG-16",
        paper="Simonyan, Zisserman (2015); ConvReLU, Table 3",
        shape=(3, 32, 32),
        classes=10,
    )
    depths = (2, 2, 3, 3, 3)


class VGG19(VGG):
    """VGG-19 for small images: 16 convolutions, batch-normalised, and one linear layer.

    Args: those of `VGG11`.

    Shape:
        (N, channels, height, width) in, (N, classes) out.

    Example:
        >>> net = VGG19(lambda channels: nn.ReLU(), shape=(3, 32, 32), classes=10)
        >>> sum(p.numel() for p in net.parameters())
        20040522
    """

    spec = NetworkSpec(
        title="VGG-19",
        paper="Simonyan, Zisserman (2015)",
        shape=(3, 32, 32),
        classes=10,
    )
    depths = (2, 2, 4, 4, 4)
