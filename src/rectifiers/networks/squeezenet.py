"""SqueezeNet for small images (Iandola et al., 2016), with simple bypass and batch normalisation.

The form is that of the collection of CIFAR-100 networks whose protocol AReLU follows.
"""

from __future__ import annotations

from collections import OrderedDict

import torch
from torch import Tensor, nn

from ..core.errors import ShapeError
from .blocks import Act, Network, activate, check_least_side, conv_norm
from .spec import NetworkSpec

FIRES = ((128, 16), (128, 16), (256, 32), (256, 32), (384, 48), (384, 48), (512, 64), (512, 64))
"""For fires 2 to 9: filters of both expansions together, and of the squeeze."""
BYPASSED, POOLED = (3, 5, 7), (4, 8)


class Fire(nn.Module):
    """A squeeze of 1×1, then expansions of 1×1 and 3×3 side by side.

    Args:
        act: makes an activation for a number of channels.
        channels: channels in.
        filters: of both expansions together.
        squeezed: filters of the squeeze.
        bypass: the input is added to the output.

    Attributes:
        out_channels: channels out.

    Raises:
        ShapeError: with bypass, another number of channels comes out than goes in.
    """

    def __init__(self, act: Act, channels: int, filters: int, squeezed: int, *, bypass: bool) -> None:
        super().__init__()
        function, inside = activate(act, squeezed)
        self.squeeze = nn.Sequential(*conv_norm(channels, squeezed, 1), function)
        function, ones = activate(act, filters // 2)
        self.expand1 = nn.Sequential(*conv_norm(inside, filters // 2, 1), function)
        function, threes = activate(act, filters // 2)
        self.expand3 = nn.Sequential(*conv_norm(inside, filters // 2, 3), function)
        self.out_channels, self.bypass = ones + threes, bypass
        if bypass and self.out_channels != channels:
            raise ShapeError(
                f"SqueezeNet adds {channels} channels of a fire's input to the {self.out_channels} of its output; "
                "use functions with the same channel factor in it and in the fire before it"
            )

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) in, (N, out_channels, H, W) out."""
        squeezed = self.squeeze(x)
        out = torch.cat([self.expand1(squeezed), self.expand3(squeezed)], 1)
        return out + x if self.bypass else out


class SqueezeNet(Network):
    """SqueezeNet for small images: eight fires, three of them bypassed, no linear layer.

    Args:
        act: makes an activation for a number of channels.
        shape: (channels, height, width), each side at least 8.
        classes: number of logits.

    Shape:
        (N, channels, height, width) in, (N, classes) out.

    Raises:
        ShapeError: images that are too small, or functions that leave another number of channels than a bypass adds.

    Example:
        >>> net = SqueezeNet(lambda channels: nn.ReLU(), shape=(3, 32, 32), classes=100)
        >>> sum(p.numel() for p in net.parameters())
        781156
    """

    spec = NetworkSpec(
        title="SqueezeNet", paper="Iandola et al. (2016); AReLU, Table 4", shape=(3, 32, 32), classes=100
    )

    def __init__(self, act: Act, *, shape: tuple[int, ...], classes: int) -> None:
        stem = conv_norm(check_least_side(self.spec.title, shape, 8), 96, 3)
        function, channels = activate(act, 96)
        parts: OrderedDict[str, nn.Module] = OrderedDict()
        parts["stem"] = nn.Sequential(*stem, function, nn.MaxPool2d(2))
        for number, (filters, squeezed) in enumerate(FIRES, 2):
            fire = Fire(act, channels, filters, squeezed, bypass=number in BYPASSED)
            parts[f"fire{number}"] = fire
            if number in POOLED:
                parts[f"pool{number}"] = nn.MaxPool2d(2)
            channels = fire.out_channels
        parts["conv10"] = nn.Conv2d(channels, classes, 1)
        parts["pool"] = nn.AdaptiveAvgPool2d(1)
        parts["flatten"] = nn.Flatten()
        super().__init__(parts)
