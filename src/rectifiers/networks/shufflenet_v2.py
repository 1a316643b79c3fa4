"""ShuffleNet-v2 for small images (Ma et al., 2018): half the channels pass each block untouched, then all are shuffled.

The form is that of the collection of CIFAR-100 networks whose protocol AReLU follows: no pooling and no activation
after the first convolution, and convolutions with biases.
"""

from __future__ import annotations

from collections import OrderedDict

import torch
from torch import Tensor, nn

from .blocks import Act, Network, activate, activate_evenly, check_least_side, conv_norm
from .spec import NetworkSpec

STEM = 24
STAGES = ((116, 4), (232, 8), (464, 4))
"""Channels and blocks of each stage; its first block halves the sides."""
LAST = 1024

SHUFFLED = "the branches of a block are shuffled together, half the channels each"


class ShuffleBlock(nn.Module):
    """A block: half the channels pass and half take a branch; or all take two branches that halve the sides.

    Args:
        act: makes an activation for a number of channels.
        channels: channels in.
        out: channels out, as many as come in where the sides stay.
        down: halve the sides.
    """

    def __init__(self, act: Act, channels: int, out: int, *, down: bool) -> None:
        super().__init__()
        self.down, half = down, out // 2
        self.shortcut: nn.Module = nn.Identity()
        if down:
            self.shortcut = nn.Sequential(
                *conv_norm(channels, channels, 3, stride=2, groups=channels),
                *conv_norm(channels, half, 1),
                activate_evenly(act, half, SHUFFLED),
            )
        self.branch = _branch(act, channels if down else half, half, 2 if down else 1)

    def forward(self, x: Tensor) -> Tensor:
        """Alternate the channels of the shortcut and of the branch."""
        kept, changed = (x, x) if self.down else x.chunk(2, 1)
        return torch.stack([self.shortcut(kept), self.branch(changed)], 2).flatten(1, 2)


def _branch(act: Act, channels: int, out: int, stride: int) -> nn.Sequential:
    function, inside = activate(act, channels)
    return nn.Sequential(
        *conv_norm(channels, channels, 1),
        function,
        *conv_norm(inside, inside, 3, stride=stride, groups=inside),
        *conv_norm(inside, out, 1),
        activate_evenly(act, out, SHUFFLED),
    )


class ShuffleNetV2(Network):
    """ShuffleNet-v2 (×1) for small images.

    Args:
        act: makes an activation for a number of channels.
        shape: (channels, height, width), each side at least 8.
        classes: number of logits.

    Shape:
        (N, channels, height, width) in, (N, classes) out.

    Raises:
        ShapeError: images that are too small, or a function at the end of a branch that changes the number of channels.

    Example:
        >>> net = ShuffleNetV2(lambda channels: nn.ReLU(), shape=(3, 32, 32), classes=100)
        >>> sum(p.numel() for p in net.parameters())
        1360896
    """

    spec = NetworkSpec(
        title="ShuffleNet-v2", paper="Ma, Zhang, Zheng, Sun (2018); AReLU, Table 4", shape=(3, 32, 32), classes=100
    )

    def __init__(self, act: Act, *, shape: tuple[int, ...], classes: int) -> None:
        parts: OrderedDict[str, nn.Module] = OrderedDict()
        parts["stem"] = nn.Sequential(*conv_norm(check_least_side(self.spec.title, shape, 8), STEM, 3))
        channels = STEM
        for number, (out, depth) in enumerate(STAGES, 2):
            blocks = [ShuffleBlock(act, channels, out, down=True)]
            blocks += [ShuffleBlock(act, out, out, down=False) for _ in range(depth - 1)]
            parts[f"stage{number}"] = nn.Sequential(*blocks)
            channels = out
        function, features = activate(act, LAST)
        parts["conv5"] = nn.Sequential(*conv_norm(channels, LAST, 1), function)
        parts["pool"] = nn.AdaptiveAvgPool2d(1)
        parts["flatten"] = nn.Flatten()
        parts["fc"] = nn.Linear(features, classes)
        super().__init__(parts)
