"""VGG for ImageNet (Simonyan, Zisserman, 2015), without batch normalisation, for transfer to other images.

torchvision's build their own ReLUs. These are the same networks with the weights under the same names, so that
`net.load_state_dict(weights, strict=False)` brings in those of `torchvision.models`.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import ClassVar

from torch import nn

from . import initialisation
from .blocks import Act, Network, activate, check_least_side, enlarge_images, scale_channels
from .spec import NetworkSpec
from .vgg import FILTERS, VGG16, VGG19

HIDDEN = 4096


class VGGImageNet(Network):
    """Base of the VGGs for ImageNet.

    Attributes:
        depths: convolutions of each of the five stages.

    Args:
        act: makes an activation for a number of channels.
        shape: (channels, height, width), each side at least 32; 224 on ImageNet. Other sizes are pooled to the same
            7×7 features.
        classes: number of logits.
        width: factor of all numbers of filters and hidden units.
        enlarge: factor by which images are enlarged first.

    Raises:
        ShapeError: images that are too small.
        ConfigError: `width` is not positive.
    """

    depths: ClassVar[tuple[int, ...]]

    def __init__(self, act: Act, *, shape: tuple[int, ...], classes: int, width: float = 1.0, enlarge: int = 1) -> None:
        title = self.spec.title
        first, shape = enlarge_images(title, enlarge, shape)
        channels = check_least_side(title, shape, 32)
        features: list[nn.Module] = []
        for filters, depth in zip(FILTERS, self.depths, strict=True):
            filters = scale_channels(title, filters, width)
            for _ in range(depth):
                function, out = activate(act, filters)
                features += [nn.Conv2d(channels, filters, 3, padding=1), function]
                channels = out
            features.append(nn.MaxPool2d(2))
        units, hidden = channels * 7 * 7, scale_channels(title, HIDDEN, width)
        classifier: list[nn.Module] = []
        for _ in range(2):
            function, out = activate(act, hidden)
            classifier += [nn.Linear(units, hidden), function, nn.Dropout()]
            units = out
        super().__init__(
            OrderedDict(
                enlarge=nn.Sequential(*first),
                features=nn.Sequential(*features),
                avgpool=nn.AdaptiveAvgPool2d(7),
                flatten=nn.Flatten(),
                classifier=nn.Sequential(*classifier, nn.Linear(units, classes)),
            )
        )
        initialisation.kaiming(self)


class VGG16ImageNet(VGGImageNet):
    """VGG-16 for ImageNet, 13 convolutions and three linear layers, to load and transfer trained weights.

    Args:
        act: makes an activation for a number of channels.
        shape: (channels, height, width), each side at least 32; 224 on ImageNet.
        classes: number of logits; `rectifiers.networks.heads.replace_head` changes it later.
        width: factor of all numbers of filters and hidden units.
        enlarge: factor by which images are enlarged first.

    Shape:
        (N, channels, height, width) in, (N, classes) out.

    Example:
        >>> import torch
        >>> with torch.device("meta"):
        ...     net = VGG16ImageNet(lambda channels: nn.ReLU(), shape=(3, 224, 224), classes=1000)
        >>> sum(p.numel() for p in net.parameters())
        138357544
    """

    spec = NetworkSpec(
        title="VGG-16 for ImageNet",
        paper="Simonyan, Zisserman (2015); PVLU's transfer and noise tables",
        shape=(3, 224, 224),
        classes=1000,
    )
    depths = VGG16.depths


class VGG19ImageNet(VGGImageNet):
    """VGG-19 for ImageNet, 16 convolutions and three linear layers, to load and transfer trained weights.

    Args: those of `VGG16ImageNet`.

    Shape:
        (N, channels, height, width) in, (N, classes) out.

    Example:
        >>> import torch
        >>> with torch.device("meta"):
        ...     net = VGG19ImageNet(lambda channels: nn.ReLU(), shape=(3, 224, 224), classes=1000)
        >>> sum(p.numel() for p in net.parameters())
        143667240
    """

    spec = NetworkSpec(
        title="VGG-19 for ImageNet",
        paper="Simonyan, Zisserman (2015); PVLU's transfer and noise tables",
        shape=(3, 224, 224),
        classes=1000,
    )
    depths = VGG19.depths
