"""AlexNet for ImageNet (Krizhevsky, 2014), in one column and without local response normalisation.

torchvision's builds its own ReLUs. This is the same network with the weights under the same names, so that
`net.load_state_dict(weights, strict=False)` brings in those of `torchvision.models`.
"""

from __future__ import annotations

from collections import OrderedDict

from torch import nn

from .blocks import Act, Network, activate, check_least_side, enlarge_images, scale_channels
from .spec import NetworkSpec

CONVOLUTIONS = ((64, 11, 4, 2), (192, 5, 1, 2), (384, 3, 1, 1), (256, 3, 1, 1), (256, 3, 1, 1))
"""Filters, side of the kernel, stride and padding."""

POOLED = (0, 1, 4)
"""Convolutions that are followed by max-pooling."""

HIDDEN = 4096


class AlexNet(Network):
    """AlexNet, five convolutions and three linear layers, to look at and transfer trained weights.

    It has 64 filters in the first layer, where the network of 2012 has 96 in two columns.

    Args:
        act: makes an activation for a number of channels.
        shape: (channels, height, width), each side at least 63; 224 on ImageNet. Other sizes are pooled to the same
            6×6 features.
        classes: number of logits; `rectifiers.networks.heads.replace_head` changes it later.
        width: factor of all numbers of filters and hidden units.
        enlarge: factor by which images are enlarged first.

    Shape:
        (N, channels, height, width) in, (N, classes) out.

    Raises:
        ShapeError: images that are too small.
        ConfigError: `width` is not positive.

    Example:
        >>> import torch
        >>> with torch.device("meta"):
        ...     net = AlexNet(lambda channels: nn.ReLU(), shape=(3, 224, 224), classes=1000)
        >>> sum(p.numel() for p in net.parameters())
        61100840
    """

    spec = NetworkSpec(
        title="AlexNet",
        paper="Krizhevsky (2014); CReLU, Figures 1 and 2",
        shape=(3, 224, 224),
        classes=1000,
    )

    def __init__(self, act: Act, *, shape: tuple[int, ...], classes: int, width: float = 1.0, enlarge: int = 1) -> None:
        title = self.spec.title
        first, shape = enlarge_images(title, enlarge, shape)
        channels = check_least_side(title, shape, 63)
        features: list[nn.Module] = []
        for place, (filters, kernel, stride, padding) in enumerate(CONVOLUTIONS):
            filters = scale_channels(title, filters, width)
            function, out = activate(act, filters)
            features += [nn.Conv2d(channels, filters, kernel, stride=stride, padding=padding), function]
            if place in POOLED:
                features.append(nn.MaxPool2d(3, stride=2))
            channels = out
        units, hidden = channels * 6 * 6, scale_channels(title, HIDDEN, width)
        classifier: list[nn.Module] = []
        for _ in range(2):
            function, out = activate(act, hidden)
            classifier += [nn.Dropout(), nn.Linear(units, hidden), function]
            units = out
        super().__init__(
            OrderedDict(
                enlarge=nn.Sequential(*first),
                features=nn.Sequential(*features),
                avgpool=nn.AdaptiveAvgPool2d(6),
                flatten=nn.Flatten(),
                classifier=nn.Sequential(*classifier, nn.Linear(units, classes)),
            )
        )
