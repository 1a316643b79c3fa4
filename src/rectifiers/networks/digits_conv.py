"""A small convolutional network for the 8×8 digits that scikit-learn carries."""

from __future__ import annotations

from torch import nn

from .blocks import Act, Network, activate, check_side
from .spec import NetworkSpec


class DigitsConv(Network):
    """Two convolutions of 16 and 32 channels with an activation each, pooling, a hidden layer with a third, logits.

    It is small enough for a hundred runs in minutes, and deep enough for an activation to matter.

    Args:
        act: makes an activation for a number of channels.
        shape: (channels, 8, 8).
        classes: number of logits.

    Shape:
        (N, channels, 8, 8) in, (N, classes) out.

    Raises:
        ShapeError: images of another size.

    Example:
        >>> net = DigitsConv(lambda channels: nn.ReLU(), shape=(1, 8, 8), classes=10)
        >>> sum(p.numel() for p in net.parameters())
        13706
    """

    spec = NetworkSpec(
        title="digits-conv", paper="in no paper; for experiments of minutes", shape=(1, 8, 8), classes=10
    )

    def __init__(self, act: Act, *, shape: tuple[int, ...], classes: int) -> None:
        channels = check_side(self.spec.title, shape, 8)
        layers: list[nn.Module] = []
        for width in (16, 32):
            function, out = activate(act, width)
            layers += [nn.Conv2d(channels, width, 3, padding=1), function, nn.MaxPool2d(2)]
            channels = out
        function, hidden = activate(act, 64)
        layers += [nn.Flatten(), nn.Linear(channels * 4, 64), function, nn.Linear(hidden, classes)]
        super().__init__(*layers)
