"""Residual networks with pre-activation (He et al., 2016: Identity Mappings), in the form of Keras.

In that form a stage's last block has the stride, not its first one, a convolution without normalisation after it has a
bias, and the shortcut of a stage's first block reads the activated input. In one thing these differ: Keras pads with
zeros in front of the max-pooling, where they count as numbers; here nothing but the image counts.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import ClassVar

from torch import Tensor, nn

from . import initialisation
from .blocks import Act, Network, activate, check_least_side, enlarge_images, scale_channels
from .spec import NetworkSpec

EPS = 1.001e-5
"""What normalisation in Keras' networks adds to the variance."""


class PreActivation(nn.Module):
    """A bottleneck whose three convolutions are each preceded by normalisation and activation: x + body(x).

    Nothing follows the addition, so functions that change the number of channels fit everywhere.

    Args:
        act: makes an activation for a number of channels.
        channels: channels in.
        filters: channels inside; four times as many come out.
        stride: of the 3×3 convolution.
        project: the shortcut is a 1×1 convolution of the activated input.
    """

    def __init__(self, act: Act, channels: int, filters: int, stride: int, *, project: bool) -> None:
        super().__init__()
        self.bn1 = nn.BatchNorm2d(channels, eps=EPS)
        self.act1, active = activate(act, channels)
        self.shortcut = nn.Conv2d(active, 4 * filters, 1, stride=stride) if project else None
        self.subsample = nn.MaxPool2d(1, stride=stride) if stride > 1 else nn.Identity()
        self.conv1 = nn.Conv2d(active, filters, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(filters, eps=EPS)
        self.act2, inside = activate(act, filters)
        self.conv2 = nn.Conv2d(inside, filters, 3, stride=stride, padding=1, bias=False)
        self.bn3 = nn.BatchNorm2d(filters, eps=EPS)
        self.act3, inside = activate(act, filters)
        self.conv3 = nn.Conv2d(inside, 4 * filters, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) in, (N, 4·filters, H/stride, W/stride) out."""
        active = self.act1(self.bn1(x))
        skip = self.subsample(x) if self.shortcut is None else self.shortcut(active)
        y = self.act2(self.bn2(self.conv1(active)))
        y = self.act3(self.bn3(self.conv2(y)))
        out: Tensor = skip + self.conv3(y)
        return out


class ResNetV2(Network):
    """Base of the networks with pre-activation.

    Attributes:
        depths: blocks of each stage.

    Args:
        act: makes an activation for a number of channels.
        shape: (channels, height, width), each side at least 32; 224 on ImageNet.
        classes: number of logits.
        width: factor of all numbers of filters.
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
        filters = scale_channels(title, 64, width)
        parts: OrderedDict[str, nn.Module] = OrderedDict(enlarge=nn.Sequential(*first))
        parts["conv1"] = nn.Conv2d(channels, filters, 7, stride=2, padding=3)
        parts["maxpool"] = nn.MaxPool2d(3, stride=2, padding=1)
        channels = filters
        for number, depth in enumerate(self.depths, 1):
            blocks = []
            for place in range(depth):
                stride = 2 if place == depth - 1 and number < len(self.depths) else 1
                blocks.append(PreActivation(act, channels, filters, stride, project=place == 0))
                channels = 4 * filters
            parts[f"layer{number}"] = nn.Sequential(*blocks)
            filters *= 2
        parts["bn"] = nn.BatchNorm2d(channels, eps=EPS)
        parts["act"], features = activate(act, channels)
        parts["avgpool"] = nn.AdaptiveAvgPool2d(1)
        parts["flatten"] = nn.Flatten()
        parts["fc"] = nn.Linear(features, classes)
        super().__init__(parts)
        initialisation.glorot(self)


class ResNet101V2(ResNetV2):
    """ResNet-101 with pre-activation, as Keras has it, for transfer.

    Args:
        act: makes an activation for a number of channels.
        shape: (channels, height, width), each side at least 32; 224 on ImageNet.
        classes: number of logits; `rectifiers.networks.heads.replace_head` changes it later.
        width: factor of all numbers of filters.
        enlarge: factor by which images are enlarged first.

    Shape:
        (N, channels, height, width) in, (N, classes) out.

    Example:
        >>> import torch
        >>> with torch.device("meta"):
        ...     net = ResNet101V2(lambda channels: nn.ReLU(), shape=(3, 224, 224), classes=1000)
        >>> sum(p.numel() for p in net.parameters())
        44577896
    """

    spec = NetworkSpec(
        title="ResNet-101 v2",
        paper="He, Zhang, Ren, Sun (2016): Identity Mappings; PVLU's residual networks",
        shape=(3, 224, 224),
        classes=1000,
    )
    depths = (3, 4, 23, 3)


class ResNet152V2(ResNetV2):
    """ResNet-152 with pre-activation, as Keras has it, for transfer.

    Args: those of `ResNet101V2`.

    Shape:
        (N, channels, height, width) in, (N, classes) out.

    Example:
        >>> import torch
        >>> with torch.device("meta"):
        ...     net = ResNet152V2(lambda channels: nn.ReLU(), shape=(3, 224, 224), classes=1000)
        >>> sum(p.numel() for p in net.parameters())
        60236904
    """

    spec = NetworkSpec(
        title="ResNet-152 v2",
        paper="He, Zhang, Ren, Sun (2016): Identity Mappings; PVLU's residual networks",
        shape=(3, 224, 224),
        classes=1000,
    )
    depths = (3, 8, 36, 3)
