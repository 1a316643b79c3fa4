"""MobileNet for small images (Howard et al., 2017): depthwise convolutions, then 1×1 across the channels."""

from __future__ import annotations

from collections import OrderedDict

from torch import nn

from .blocks import Act, Network, activate, check_least_side, conv_norm, scale_channels
from .spec import NetworkSpec

STAGES = ((64,), (128, 128), (256, 256), (512,) * 6, (1024, 1024))
"""Filters of each pair of convolutions; the first of a stage has stride 2, but for the first stage."""


class MobileNet(Network):
    """MobileNet for small images: the first convolution keeps the sides, thirteen separable ones follow.

    Args:
        act: makes an activation for a number of channels.
        shape: (channels, height, width), each side at least 16.
        classes: number of logits.
        width: factor of all numbers of filters.

    Shape:
        (N, channels, height, width) in, (N, classes) out.

    Raises:
        ShapeError: images that are too small.
        ConfigError: `width` is not positive.

    Example:
        >>> net = MobileNet(lambda channels: nn.ReLU(), shape=(3, 32, 32), classes=10)
        >>> sum(p.numel() for p in net.parameters())
        3217226
    """

    spec = NetworkSpec(title="MobileNet", paper="Howard et al. (2017); AReLU, Table 3", shape=(3, 32, 32), classes=10)

    def __init__(self, act: Act, *, shape: tuple[int, ...], classes: int, width: float = 1.0) -> None:
        title = self.spec.title
        filters = scale_channels(title, 32, width)
        stem = conv_norm(check_least_side(title, shape, 16), filters, 3, bias=False)
        function, channels = activate(act, filters)
        parts: OrderedDict[str, nn.Module] = OrderedDict()
        parts["stem"] = nn.Sequential(*stem, function)
        for number, stage in enumerate(STAGES, 1):
            layers: list[nn.Module] = []
            for place, filters in enumerate(stage):
                stride = 2 if number > 1 and not place else 1
                depthwise, out = activate(act, channels)
                layers += [*conv_norm(channels, channels, 3, stride=stride, groups=channels, bias=False), depthwise]
                filters = scale_channels(title, filters, width)
                pointwise, channels = activate(act, filters)
                layers += [*conv_norm(out, filters, 1, bias=False), pointwise]
            parts[f"stage{number}"] = nn.Sequential(*layers)
        parts["pool"] = nn.AdaptiveAvgPool2d(1)
        parts["flatten"] = nn.Flatten()
        parts["fc"] = nn.Linear(channels, classes)
        super().__init__(parts)
