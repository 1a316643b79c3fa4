"""Residual networks that weigh their channels by squeeze and excitation (Hu, Shen, Sun, 2018), for small images.

The form is that of the collection of CIFAR-100 networks whose protocol AReLU follows: convolutions have biases, and an
activation follows the second convolution of a block too.
"""

from __future__ import annotations

from collections import OrderedDict

from torch import Tensor, nn

from .blocks import Act, Network, activate, activate_evenly, check_least_side, conv_norm, scale_channels
from .resnet import ADDED
from .spec import NetworkSpec

REDUCTION = 16
"""Channels per hidden unit of the excitation."""


class SEBlock(nn.Module):
    """act(body(x)·gate + x), the gate in (0, 1) per channel computed from the body's mean over the image.

    Args:
        act: makes an activation for a number of channels.
        channels: channels in.
        filters: channels inside and out.
        stride: of the first convolution.
    """

    def __init__(self, act: Act, channels: int, filters: int, stride: int) -> None:
        super().__init__()
        first, inside = activate(act, filters)
        second = activate_evenly(act, filters, ADDED)
        self.body = nn.Sequential(
            *conv_norm(channels, filters, 3, stride=stride), first, *conv_norm(inside, filters, 3), second
        )
        units = max(1, filters // REDUCTION)
        function, excited = activate(act, units)
        self.gate = nn.Sequential(
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(filters, units),
            function,
            nn.Linear(excited, filters),
            nn.Sigmoid(),
            nn.Unflatten(1, (filters, 1, 1)),
        )
        same = stride == 1 and channels == filters
        self.shortcut = nn.Sequential(*[] if same else conv_norm(channels, filters, 1, stride=stride))
        self.act = activate_evenly(act, filters, ADDED)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) in, (N, filters, H/stride, W/stride) out."""
        body = self.body(x)
        out: Tensor = self.act(body * self.gate(body) + self.shortcut(x))
        return out


class SEResNet18(Network):
    """ResNet-18 with squeeze and excitation, for small images.

    Args:
        act: makes an activation for a number of channels.
        shape: (channels, height, width), each side at least 8.
        classes: number of logits.
        width: factor of all numbers of filters.

    Shape:
        (N, channels, height, width) in, (N, classes) out.

    Raises:
        ShapeError: images that are too small, or a function after a block that changes the number of channels.
        ConfigError: `width` is not positive.

    Example:
        >>> net = SEResNet18(lambda channels: nn.ReLU(), shape=(3, 32, 32), classes=100)
        >>> sum(p.numel() for p in net.parameters())
        11314012
    """

    spec = NetworkSpec(
        title="SEResNet-18", paper="Hu, Shen, Sun (2018); AReLU, Table 4", shape=(3, 32, 32), classes=100
    )

    def __init__(self, act: Act, *, shape: tuple[int, ...], classes: int, width: float = 1.0) -> None:
        title = self.spec.title
        filters = scale_channels(title, 64, width)
        stem = conv_norm(check_least_side(title, shape, 8), filters, 3)
        function, channels = activate(act, filters)
        parts: OrderedDict[str, nn.Module] = OrderedDict()
        parts["stem"] = nn.Sequential(*stem, function)
        for number in (1, 2, 3, 4):
            first = SEBlock(act, channels, filters, 1 if number == 1 else 2)
            parts[f"stage{number}"] = nn.Sequential(first, SEBlock(act, filters, filters, 1))
            channels, filters = filters, 2 * filters
        parts["pool"] = nn.AdaptiveAvgPool2d(1)
        parts["flatten"] = nn.Flatten()
        parts["fc"] = nn.Linear(channels, classes)
        super().__init__(parts)
