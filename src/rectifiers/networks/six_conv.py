"""The six-convolution network that PVLU trains from scratch on CIFAR-100."""

from __future__ import annotations

from collections import OrderedDict

from torch import nn

from . import initialisation
from .blocks import Act, Network, activate, check_least_side, scale_channels
from .spec import NetworkSpec

STAGES = ((128, 0.0), (256, 0.25), (512, 0.25))
"""Filters of both convolutions of a stage, and the rate of the dropout after it."""

HIDDEN = 1024


class SixConv(Network):
    """Two convolutions and pooling three times, then a hidden layer: PVLU's network for CIFAR-100.

    The paper says no more of its layout than six convolutions, pooling, dropout and dense layers; this one is ours,
    after Keras' example. The second convolution of a stage has no padding. The initial weights are Keras' too.

    Args:
        act: makes an activation for a number of channels.
        shape: (channels, height, width), each side at least 22.
        classes: number of logits.
        width: factor of all numbers of filters and hidden units.

    Shape:
        (N, channels, height, width) in, (N, classes) out.

    Raises:
        ShapeError: images that are too small.
        ConfigError: `width` is not positive.

    Example:
        >>> net = SixConv(lambda channels: nn.ReLU(), shape=(3, 32, 32), classes=100)
        >>> sum(p.numel() for p in net.parameters())
        6777060
    """

    spec = NetworkSpec(
        title="Six-conv",
        paper="PVLU, its tables on CIFAR-100 from scratch",
        shape=(3, 32, 32),
        classes=100,
    )

    def __init__(self, act: Act, *, shape: tuple[int, ...], classes: int, width: float = 1.0) -> None:
        title = self.spec.title
        channels = check_least_side(title, shape, 22)
        sides = list(shape[1:])
        parts: OrderedDict[str, nn.Module] = OrderedDict()
        for number, (filters, dropout) in enumerate(STAGES, 1):
            filters = scale_channels(title, filters, width)
            layers: list[nn.Module] = []
            for padding in (1, 0):
                function, out = activate(act, filters)
                layers += [nn.Conv2d(channels, filters, 3, padding=padding), function]
                channels = out
            parts[f"stage{number}"] = nn.Sequential(*layers, nn.MaxPool2d(2), nn.Dropout(dropout))
            sides = [(side - 2) // 2 for side in sides]
        parts["flatten"] = nn.Flatten()
        units = scale_channels(title, HIDDEN, width)
        function, out = activate(act, units)
        parts["hidden"] = nn.Sequential(nn.Linear(channels * sides[0] * sides[1], units), function, nn.Dropout())
        parts["fc"] = nn.Linear(out, classes)
        super().__init__(parts)
        initialisation.glorot(self)
