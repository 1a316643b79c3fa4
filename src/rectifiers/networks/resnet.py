"""Residual networks (He et al., 2016): a first convolution of 3×3 for small images, and the form for ImageNet.

torchvision's reuse one ReLU at several sites. These have one module per site, and the weights under the same names, so
that `net.load_state_dict(weights, strict=False)` brings in those of `torchvision.models` where the first convolution
is that of ImageNet.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import ClassVar

from torch import Tensor, nn

from . import initialisation
from .blocks import Act, Network, activate, activate_evenly, check_least_side, enlarge_images, scale_channels
from .spec import NetworkSpec

ADDED = "a residual block adds its input to what it computes"


class ResidualBlock(nn.Module):
    """Base of the residual blocks: act(body(x) + x), the input by a 1×1 convolution where the shape changes.

    Attributes:
        expansion: channels out per channel inside.
    """

    expansion: ClassVar[int]
    downsample: nn.Sequential | None

    def shortcut(self, channels: int, out: int, stride: int) -> nn.Sequential | None:
        """Make what brings the input to the shape of the output, if anything has to."""
        if stride == 1 and channels == out:
            return None
        return nn.Sequential(nn.Conv2d(channels, out, 1, stride=stride, bias=False), nn.BatchNorm2d(out))

    def skip(self, x: Tensor) -> Tensor:
        """Bring the input to the shape of the output."""
        return x if self.downsample is None else self.downsample(x)


class BasicBlock(ResidualBlock):
    """Two convolutions of 3×3.

    Args:
        act: makes an activation for a number of channels.
        channels: channels in.
        filters: channels inside and out.
        stride: of the first convolution.
    """

    expansion = 1

    def __init__(self, act: Act, channels: int, filters: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, filters, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(filters)
        self.act1, inside = activate(act, filters)
        self.conv2 = nn.Conv2d(inside, filters, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(filters)
        self.downsample = self.shortcut(channels, filters, stride)
        self.act2 = activate_evenly(act, filters, ADDED)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) in, (N, filters, H/stride, W/stride) out."""
        y = self.act1(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        out: Tensor = self.act2(y + self.skip(x))
        return out


class Bottleneck(ResidualBlock):
    """1×1 down, 3×3, 1×1 up; the stride in the 3×3, as torchvision has it.

    Args:
        act: makes an activation for a number of channels.
        channels: channels in.
        filters: channels inside.
        stride: of the second convolution.
    """

    expansion = 4

    def __init__(self, act: Act, channels: int, filters: int, stride: int) -> None:
        super().__init__()
        out = filters * self.expansion
        self.conv1 = nn.Conv2d(channels, filters, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(filters)
        self.act1, inside = activate(act, filters)
        self.conv2 = nn.Conv2d(inside, filters, 3, stride=stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(filters)
        self.act2, inside = activate(act, filters)
        self.conv3 = nn.Conv2d(inside, out, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(out)
        self.downsample = self.shortcut(channels, out, stride)
        self.act3 = activate_evenly(act, out, ADDED)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) in, (N, 4·filters, H/stride, W/stride) out."""
        y = self.act1(self.bn1(self.conv1(x)))
        y = self.act2(self.bn2(self.conv2(y)))
        y = self.bn3(self.conv3(y))
        out: Tensor = self.act3(y + self.skip(x))
        return out


class ResNet(Network):
    """Base of the residual networks: stem, four stages of blocks, pooling over the image, logits.

    Attributes:
        block: what the stages are made of.
        depths: blocks of each stage.
        imagenet: the stem is a 7×7 convolution with stride 2 and max-pooling, and the first weights are He's.

    Args:
        act: makes an activation for a number of channels.
        shape: (channels, height, width), each side at least 8, or 32 where the stem is that of ImageNet.
        classes: number of logits.
        width: factor of all numbers of filters.
        enlarge: factor by which images are enlarged first.

    Raises:
        ShapeError: images that are too small, or a function after an addition that changes the number of channels.
        ConfigError: `width` is not positive.
    """

    block: ClassVar[type[BasicBlock | Bottleneck]]
    depths: ClassVar[tuple[int, ...]]
    imagenet: ClassVar[bool] = False

    def __init__(self, act: Act, *, shape: tuple[int, ...], classes: int, width: float = 1.0, enlarge: int = 1) -> None:
        title = self.spec.title
        first, shape = enlarge_images(title, enlarge, shape)
        channels = check_least_side(title, shape, 32 if self.imagenet else 8)
        filters = scale_channels(title, 64, width)
        parts: OrderedDict[str, nn.Module] = OrderedDict(enlarge=nn.Sequential(*first))
        if self.imagenet:
            parts["conv1"] = nn.Conv2d(channels, filters, 7, stride=2, padding=3, bias=False)
        else:
            parts["conv1"] = nn.Conv2d(channels, filters, 3, padding=1, bias=False)
        parts["bn1"] = nn.BatchNorm2d(filters)
        parts["act"], channels = activate(act, filters)
        if self.imagenet:
            parts["maxpool"] = nn.MaxPool2d(3, stride=2, padding=1)
        for number, depth in enumerate(self.depths):
            blocks = []
            for place in range(depth):
                blocks.append(self.block(act, channels, filters, 2 if number and not place else 1))
                channels = filters * self.block.expansion
            parts[f"layer{number + 1}"] = nn.Sequential(*blocks)
            filters *= 2
        parts["avgpool"] = nn.AdaptiveAvgPool2d(1)
        parts["flatten"] = nn.Flatten()
        parts["fc"] = nn.Linear(channels, classes)
        super().__init__(parts)
        if self.imagenet:
            initialisation.kaiming(self)


class ResNet18(ResNet):
    """ResNet-18 for small images: a first convolution of 3×3 without pooling, eight basic blocks.

    Args:
        act: makes an activation for a number of channels.
        shape: (channels, height, width), each side at least 8.
        classes: number of logits.
        width: factor of all numbers of filters.
        enlarge: factor by which images are enlarged first.

    Shape:
        (N, channels, height, width) in, (N, classes) out.

    Example:
        >>> net = ResNet18(lambda channels: nn.ReLU(), shape=(3, 32, 32), classes=10)
        >>> sum(p.numel() for p in net.parameters())
        11173962
    """

    spec = NetworkSpec(
        title="ResNet-18",
        paper="He, Zhang, Ren, Sun (2016); ConvReLU, Table 3; AReLU, Tables 3 and 4",
        shape=(3, 32, 32),
        classes=10,
    )
    block = BasicBlock
    depths = (2, 2, 2, 2)


class ResNet34(ResNet):
    """ResNet-34 for small images: a first convolution of 3×3 without pooling, sixteen basic blocks.

    Args: those of `ResNet18`.

    Shape:
        (N, channels, height, width) in, (N, classes) out.

    Example:
        >>> net = ResNet34(lambda channels: nn.ReLU(), shape=(3, 32, 32), classes=10)
        >>> sum(p.numel() for p in net.parameters())
        21282122
    """

    spec = NetworkSpec(title="ResNet-34", paper="He, Zhang, Ren, Sun (2016)", shape=(3, 32, 32), classes=10)
    block = BasicBlock
    depths = (3, 4, 6, 3)


class ResNet50(ResNet):
    """ResNet-50 for small images: a first convolution of 3×3 without pooling, sixteen bottlenecks.

    Args: those of `ResNet18`.

    Shape:
        (N, channels, height, width) in, (N, classes) out.

    Example:
        >>> net = ResNet50(lambda channels: nn.ReLU(), shape=(3, 32, 32), classes=10)
        >>> sum(p.numel() for p in net.parameters())
        23520842
    """

    spec = NetworkSpec(title="ResNet-50", paper="He, Zhang, Ren, Sun (2016)", shape=(3, 32, 32), classes=10)
    block = Bottleneck
    depths = (3, 4, 6, 3)


class ResNet10ImageNet(ResNet):
    """ResNet-10, the smallest with the stem of ImageNet: four basic blocks, for short runs on images of 64×64.

    Args: those of `ResNet18`; each side at least 32.

    Shape:
        (N, channels, height, width) in, (N, classes) out.

    Example:
        >>> net = ResNet10ImageNet(lambda channels: nn.ReLU(), shape=(3, 64, 64), classes=200)
        >>> sum(p.numel() for p in net.parameters())
        5008392
    """

    spec = NetworkSpec(
        title="ResNet-10 for ImageNet",
        paper="after He, Zhang, Ren, Sun (2016); in no paper, a small stand-in for theirs",
        shape=(3, 64, 64),
        classes=200,
    )
    block = BasicBlock
    depths = (1, 1, 1, 1)
    imagenet = True


class ResNet50ImageNet(ResNet):
    """ResNet-50 for ImageNet, to load and transfer trained weights.

    Args: those of `ResNet18`; each side at least 32, 224 on ImageNet. `rectifiers.networks.heads.replace_head` changes
    the number of classes later.

    Shape:
        (N, channels, height, width) in, (N, classes) out.

    Example:
        >>> net = ResNet50ImageNet(lambda channels: nn.ReLU(), shape=(3, 224, 224), classes=1000)
        >>> sum(p.numel() for p in net.parameters())
        25557032
    """

    spec = NetworkSpec(
        title="ResNet-50 for ImageNet",
        paper="He, Zhang, Ren, Sun (2016); PVLU's residual networks",
        shape=(3, 224, 224),
        classes=1000,
    )
    block = Bottleneck
    depths = ResNet50.depths
    imagenet = True
