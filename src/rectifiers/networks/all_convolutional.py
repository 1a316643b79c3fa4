"""Networks of convolutions alone, averaged over the image (Springenberg et al., 2015), as CReLU's experiments use them.

Springenberg et al. rectify the logits as well. A function that doubles the channels cannot follow them unless their
convolution is halved, so here they stay linear unless `rectify_logits` says otherwise; the parameters are the same.

CReLU's text leaves the initial weights open; here they are He's, drawn so that values keep their size after every
function, not only after ReLU.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from typing import ClassVar, NamedTuple

from torch import nn

from ..core.errors import ShapeError
from . import initialisation
from .blocks import Act, Halve, Network, activate, check_dropout, check_least_side, halve_filters, scale_channels
from .spec import NetworkSpec


class Convolution(NamedTuple):
    """A convolution, and what follows its activation.

    Args:
        filters: channels out.
        kernel: side of the kernel.
        stride: step of the kernel.
        padding: zeros on each side.
        pool: max-pooling of 3×3 with stride 2 follows.
        dropout: dropout at this rate follows.
    """

    filters: int
    kernel: int
    stride: int = 1
    padding: int = 0
    pool: bool = False
    dropout: float = 0.0


class AllConvolutional(Network):
    """Base of the networks of convolutions alone: an activation follows each of them, and a 1×1 one makes the logits.

    Attributes:
        convolutions: all but the last.
        input_dropout: rate of the dropout on the image.
        least_side: of an image.

    Args:
        act: makes an activation for a number of channels.
        shape: (channels, height, width).
        classes: number of logits.
        width: factor of all numbers of filters but the last.
        halve: the convolutions that get half their filters.
        rectify_logits: one more activation stands between the last convolution and the average.
        dropout: factor of all rates of dropout, 0 to 1; narrow networks learn faster with less.

    Raises:
        ShapeError: images that are too small, or logits that are not as many as there are classes.
        ConfigError: an option outside its domain.
    """

    convolutions: ClassVar[tuple[Convolution, ...]]
    input_dropout: ClassVar[float]
    least_side: ClassVar[int]

    def __init__(
        self,
        act: Act,
        *,
        shape: tuple[int, ...],
        classes: int,
        width: float = 1.0,
        halve: Halve = False,
        rectify_logits: bool = False,
        dropout: float = 1.0,
    ) -> None:
        title = self.spec.title
        channels = check_least_side(title, shape, self.least_side)
        check_dropout(title, dropout)
        widths = [scale_channels(title, layer.filters, width) for layer in self.convolutions]
        filters = halve_filters(title, widths + [classes] * rectify_logits, halve)
        parts: OrderedDict[str, nn.Module] = OrderedDict()
        if self.input_dropout:
            parts["drop"] = nn.Dropout(dropout * self.input_dropout)
        # In front of the first convolution there is no function; He draws it like the others.
        drawn, factor = [], math.sqrt(2)
        for number, (layer, here) in enumerate(zip(self.convolutions, filters, strict=False), 1):
            function, out = activate(act, here)
            convolution = nn.Conv2d(channels, here, layer.kernel, layer.stride, layer.padding)
            drawn.append((convolution, factor))
            steps = [convolution, function]
            if layer.pool:
                steps.append(nn.MaxPool2d(3, stride=2, ceil_mode=True))
            if layer.dropout:
                steps.append(nn.Dropout(dropout * layer.dropout))
            parts[f"conv{number}"] = nn.Sequential(*steps)
            channels, factor = out, initialisation.gain(function, here)
        convolution = nn.Conv2d(channels, filters[-1] if rectify_logits else classes, 1)
        drawn.append((convolution, factor))
        last = nn.Sequential(convolution)
        if rectify_logits:
            function, out = activate(act, filters[-1])
            if out != classes:
                raise ShapeError(
                    f"{title}: {type(function).__name__} makes {out} logits for {classes} classes; "
                    f"halve the filters before site {len(widths)}, or leave rectify_logits out"
                )
            last.append(function)
        parts[f"conv{len(widths) + 1}"] = last
        parts["pool"] = nn.AdaptiveAvgPool2d(1)
        parts["flatten"] = nn.Flatten()
        super().__init__(parts)
        initialisation.keep_variance(drawn)


class ConvPoolCNNC(AllConvolutional):
    """ConvPool-CNN-C, nine convolutions and two poolings, the network of CReLU's Table 1.

    `width=2` is its "double", `width=0.5` its "half". The seventh convolution has no padding, so that the average is
    over 6×6 places.

    Args:
        act: makes an activation for a number of channels.
        shape: (channels, height, width), each side at least 16.
        classes: number of logits.
        width: factor of all numbers of filters but the last.
        halve: the convolutions that get half their filters.
        rectify_logits: one more activation stands between the last convolution and the average.
        dropout: factor of all rates of dropout, 0 to 1; narrow networks learn faster with less.

    Shape:
        (N, channels, height, width) in, (N, classes) out.

    Example:
        >>> net = ConvPoolCNNC(lambda channels: nn.ReLU(), shape=(3, 32, 32), classes=100)
        >>> sum(p.numel() for p in net.parameters())
        1387108
    """

    spec = NetworkSpec(
        title="ConvPool-CNN-C",
        paper="Springenberg, Dosovitskiy, Brox, Riedmiller (2015); CReLU, Table 1",
        shape=(3, 32, 32),
        classes=100,
    )
    convolutions = (
        Convolution(96, 3, padding=1),
        Convolution(96, 3, padding=1),
        Convolution(96, 3, padding=1, pool=True, dropout=0.5),
        Convolution(192, 3, padding=1),
        Convolution(192, 3, padding=1),
        Convolution(192, 3, padding=1, pool=True, dropout=0.5),
        Convolution(192, 3),
        Convolution(192, 1),
    )
    input_dropout = 0.2
    least_side = 16


class AllCNNB(AllConvolutional):
    """All-CNN-B, twelve convolutions, strides in place of pooling, the network of CReLU's ImageNet tables.

    The paper's "conv1,4,7" halves the sites 0, 3 and 6. Its "all" has 4.68 million weights only if the last
    convolution is halved and followed by CReLU too: `halve=True, rectify_logits=True`.

    Args:
        act: makes an activation for a number of channels.
        shape: (channels, height, width), each side at least 35; 224 on ImageNet.
        classes: number of logits.
        width: factor of all numbers of filters but the last.
        halve: the convolutions that get half their filters.
        rectify_logits: one more activation stands between the last convolution and the average.
        dropout: factor of all rates of dropout, 0 to 1; narrow networks learn faster with less.

    Shape:
        (N, channels, height, width) in, (N, classes) out.

    Example:
        >>> net = AllCNNB(lambda channels: nn.ReLU(), shape=(3, 224, 224), classes=1000)
        >>> sum(p.numel() for p in net.parameters())
        9372840
    """

    spec = NetworkSpec(
        title="All-CNN-B",
        paper="Springenberg, Dosovitskiy, Brox, Riedmiller (2015); CReLU, Tables 4 and 5",
        shape=(3, 224, 224),
        classes=1000,
    )
    convolutions = (
        Convolution(96, 11, stride=4),
        Convolution(96, 1),
        Convolution(96, 3, stride=2),
        Convolution(256, 5, padding=2),
        Convolution(256, 1),
        Convolution(256, 3, stride=2),
        Convolution(384, 3, padding=1),
        Convolution(384, 1),
        Convolution(384, 3, stride=2, padding=1, dropout=0.5),
        Convolution(1024, 3, padding=1),
        Convolution(1024, 1),
    )
    input_dropout = 0.0
    least_side = 35
