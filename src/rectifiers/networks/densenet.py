"""DenseNets for small images (Huang et al., 2017): each layer reads all before it in its block."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn

from ..core.checks import check_count
from .blocks import Act, Network, activate, check_least_side
from .spec import NetworkSpec


class DenseLayer(nn.Sequential):
    """A layer whose output stands beside its input."""

    def forward(self, features: Tensor) -> Tensor:
        """(N, C, H, W) in, (N, C + growth, H, W) out."""
        return torch.cat([features, super().forward(features)], 1)


class DenseNet(Network):
    """Base of the DenseNets: stem, dense blocks with transitions between them, pooling over the image, logits.

    Every layer is batch normalisation, activation, convolution; a transition ends in average pooling.

    Attributes:
        bottleneck: each layer first brings its channels down to 4·growth by a convolution of 1×1.
        reduction: channels that a transition leaves, as a fraction.

    Args:
        act: makes an activation for a number of channels.
        shape: (channels, height, width), each side at least 8.
        classes: number of logits.
        blocks: layers of each block.
        growth: channels that a layer adds.
        stem: channels of the first convolution.
    """

    bottleneck: ClassVar[bool]
    reduction: ClassVar[float]

    def __init__(
        self, act: Act, *, shape: tuple[int, ...], classes: int, blocks: Sequence[int], growth: int, stem: int
    ) -> None:
        title = self.spec.title
        channels = check_least_side(title, shape, 2 ** (len(blocks) - 1))
        check_count(title, "growth", growth)
        parts: OrderedDict[str, nn.Module] = OrderedDict()
        parts["stem"] = nn.Conv2d(channels, check_count(title, "stem", stem), 3, padding=1, bias=False)
        channels = stem
        for number, depth in enumerate(blocks, 1):
            parts[f"block{number}"] = self._block(act, channels, check_count(title, "blocks", depth), growth)
            channels += depth * growth
            if number < len(blocks):
                left = int(channels * self.reduction)
                parts[f"transition{number}"] = nn.Sequential(*_norm_act_conv(act, channels, left, 1), nn.AvgPool2d(2))
                channels = left
        function, features = activate(act, channels)
        parts["norm"] = nn.BatchNorm2d(channels)
        parts["act"] = function
        parts["pool"] = nn.AdaptiveAvgPool2d(1)
        parts["flatten"] = nn.Flatten()
        parts["fc"] = nn.Linear(features, classes)
        super().__init__(parts)

    def _block(self, act: Act, channels: int, depth: int, growth: int) -> nn.Sequential:
        layers = []
        for _ in range(depth):
            if self.bottleneck:
                steps = _norm_act_conv(act, channels, 4 * growth, 1) + _norm_act_conv(act, 4 * growth, growth, 3)
            else:
                steps = _norm_act_conv(act, channels, growth, 3)
            layers.append(DenseLayer(*steps))
            channels += growth
        return nn.Sequential(*layers)


def _norm_act_conv(act: Act, channels: int, filters: int, kernel: int) -> list[nn.Module]:
    function, out = activate(act, channels)
    convolution = nn.Conv2d(out, filters, kernel, padding=kernel // 2, bias=False)
    return [nn.BatchNorm2d(channels), function, convolution]


class DenseNetConvReLU(DenseNet):
    """The DenseNet of ConvReLU's experiments: bottleneck blocks of 6, 12, 24 and 16 layers, growth 12.

    The paper calls it DenseNet-40, with three blocks of eight layers; the parameters that its Table 6 counts are
    those of this one with 100 classes. Its "R1" are the sites of `block1`, "R2" those of `block4`, and "(A)" all but
    the last, which precedes no convolution.

    Args:
        act: makes an activation for a number of channels.
        shape: (channels, height, width), each side at least 8.
        classes: number of logits.
        blocks: layers of each block.
        growth: channels that a layer adds.
        stem: channels of the first convolution; None: twice the growth.

    Shape:
        (N, channels, height, width) in, (N, classes) out.

    Raises:
        ShapeError: images that are too small.

    Example:
        >>> net = DenseNetConvReLU(lambda channels: nn.ReLU(), shape=(3, 32, 32), classes=100)
        >>> sum(p.numel() for p in net.parameters())
        1035268
    """

    spec = NetworkSpec(
        title="ConvReLU's DenseNet",
        paper="Huang, Liu, van der Maaten, Weinberger (2017); ConvReLU, Tables 1 and 3 to 6",
        shape=(3, 32, 32),
        classes=100,
    )
    bottleneck = True
    reduction = 0.5

    def __init__(
        self,
        act: Act,
        *,
        shape: tuple[int, ...],
        classes: int,
        blocks: Sequence[int] = (6, 12, 24, 16),
        growth: int = 12,
        stem: int | None = None,
    ) -> None:
        stem = 2 * growth if stem is None else stem
        super().__init__(act, shape=shape, classes=classes, blocks=blocks, growth=growth, stem=stem)


class DenseNet40(DenseNet):
    """The first DenseNet: three blocks of twelve layers without bottlenecks, growth 12.

    Args:
        act: makes an activation for a number of channels.
        shape: (channels, height, width), each side at least 4.
        classes: number of logits.
        blocks: layers of each block.
        growth: channels that a layer adds.
        stem: channels of the first convolution; 24 in another common form.

    Shape:
        (N, channels, height, width) in, (N, classes) out.

    Raises:
        ShapeError: images that are too small.

    Example:
        >>> net = DenseNet40(lambda channels: nn.ReLU(), shape=(3, 32, 32), classes=10)
        >>> sum(p.numel() for p in net.parameters())
        1019722
    """

    spec = NetworkSpec(
        title="DenseNet-40",
        paper="Huang, Liu, van der Maaten, Weinberger (2017), k = 12",
        shape=(3, 32, 32),
        classes=10,
    )
    bottleneck = False
    reduction = 1.0

    def __init__(
        self,
        act: Act,
        *,
        shape: tuple[int, ...],
        classes: int,
        blocks: Sequence[int] = (12, 12, 12),
        growth: int = 12,
        stem: int = 16,
    ) -> None:
        super().__init__(act, shape=shape, classes=classes, blocks=blocks, growth=growth, stem=stem)
