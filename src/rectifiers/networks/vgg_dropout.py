"""VGG with batch normalisation and dropout throughout (Zagoruyko, 2015), the network of CReLU's Table 2."""

from __future__ import annotations

from torch import nn

from . import initialisation
from .blocks import Act, Halve, Network, activate, check_dropout, check_least_side, halve_filters, scale_channels
from .spec import NetworkSpec
from .vgg import VGG16, convolutional_stages, layout

EPS = 1e-3
"""What the normalisation adds to the variance."""

DROPOUT = (0.3, 0.4, 0.4, 0.4, 0.4)
"""Rate between the convolutions of each stage."""

HIDDEN = 512


class VGGDropout(Network):
    """VGG-16 with batch normalisation, and dropout between its convolutions and its two linear layers.

    The paper's "conv1", "conv1,3" and "conv1,3,5" put CReLU at the sites 0, 2 and 4 and halve the filters there.
    The initial weights are drawn as the network's author states (MSR).

    Args:
        act: makes an activation for a number of channels.
        shape: (channels, height, width), each side at least 32.
        classes: number of logits.
        width: factor of all numbers of filters and hidden units.
        halve: the convolutions that get half their filters; the last of the 14 sites is that of the hidden units.
        dropout: factor of all rates of dropout, 0 to 1; narrow networks learn faster with less.

    Shape:
        (N, channels, height, width) in, (N, classes) out.

    Raises:
        ShapeError: images that are too small.
        ConfigError: an option outside its domain.

    Example:
        >>> net = VGGDropout(lambda channels: nn.ReLU(), shape=(3, 32, 32), classes=10)
        >>> sum(p.numel() for p in net.parameters())
        14991946
    """

    spec = NetworkSpec(
        title="VGG with dropout",
        paper="Zagoruyko (2015): 92.45% on CIFAR-10 in Torch; CReLU, Table 2",
        shape=(3, 32, 32),
        classes=10,
    )

    def __init__(
        self,
        act: Act,
        *,
        shape: tuple[int, ...],
        classes: int,
        width: float = 1.0,
        halve: Halve = False,
        dropout: float = 1.0,
    ) -> None:
        title = self.spec.title
        channels = check_least_side(title, shape, 32)
        check_dropout(title, dropout)
        rates = [dropout * rate for rate in DROPOUT]
        widths = [scale_channels(title, units, width) for units in (*layout(VGG16.depths), HIDDEN)]
        *filters, units = halve_filters(title, widths, halve)
        parts, channels = convolutional_stages(act, channels, filters, VGG16.depths, eps=EPS, dropout=rates)
        parts["pool"] = nn.AdaptiveAvgPool2d(1)
        parts["flatten"] = nn.Flatten()
        function, out = activate(act, units)
        drop = [nn.Dropout(0.5 * dropout) for _ in range(2)]
        hidden = [drop[0], nn.Linear(channels, units), nn.BatchNorm1d(units, eps=EPS), function, drop[1]]
        parts["hidden"] = nn.Sequential(*hidden)
        parts["fc"] = nn.Linear(out, classes)
        super().__init__(parts)
        initialisation.kaiming(self)
