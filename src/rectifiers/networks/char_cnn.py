"""The character-level network for texts, the smaller of the two by Zhang, Zhao and LeCun (2015)."""

from __future__ import annotations

from collections import OrderedDict

from torch import nn

from ..core.checks import check_count
from ..core.errors import ShapeError
from . import initialisation
from .blocks import Act, Network, activate, check_dropout, scale_channels
from .spec import NetworkSpec

CONVOLUTIONS = ((7, True), (7, True), (3, False), (3, False), (3, False), (3, True))
"""Taps of each convolution, and whether max-pooling over three positions follows."""

FILTERS = 256

SHORTEST = 123
"""Characters of the shortest text that leaves something after the last pooling."""


class CharCNN(Network):
    """Six convolutions over characters and three linear layers: the VGG-like text network of ConvReLU's Table 2.

    Each activation comes after the pooling, if there is one. For a rising function such as ReLU, that is the same
    as before it, and then the second and third convolution read activations, so that ConvReLU can go there. The
    initial weights are drawn from N(0, 0.05²/width), the biases start at 0.

    Args:
        act: makes an activation for a number of channels.
        shape: (characters of the alphabet, length of a text), the length at least 123; published with (70, 1014).
        classes: number of logits.
        width: factor of the number of filters.
        hidden: units of each of the two hidden layers.
        dropout: factor of the rate of dropout, 0 to 1; narrow networks learn faster with less.

    Shape:
        (N, characters, length) in, (N, classes) out.

    Raises:
        ShapeError: another kind of input, or texts that are too short.
        ConfigError: an option outside its domain.

    Example:
        >>> net = CharCNN(lambda channels: nn.ReLU(), shape=(70, 1014), classes=4)
        >>> sum(p.numel() for p in net.parameters())
        11339780
    """

    spec = NetworkSpec(
        title="Char-CNN",
        paper="Zhang, Zhao, LeCun (2015); ConvReLU, Table 2",
        shape=(70, 1014),
        classes=4,
    )

    def __init__(
        self,
        act: Act,
        *,
        shape: tuple[int, ...],
        classes: int,
        width: float = 1.0,
        hidden: int = 1024,
        dropout: float = 1.0,
    ) -> None:
        title = self.spec.title
        if len(shape) != 2 or min(shape) < 1:
            raise ShapeError(f"{title} takes texts (characters, length), got shape {tuple(shape)}")
        channels, length = shape
        if length < SHORTEST:
            raise ShapeError(f"{title} takes texts of at least {SHORTEST} characters, got {length}; pad them")
        filters = scale_channels(title, FILTERS, width)
        check_count(title, "hidden", hidden)
        check_dropout(title, dropout)
        parts: OrderedDict[str, nn.Module] = OrderedDict()
        for number, (taps, pool) in enumerate(CONVOLUTIONS, 1):
            function, out = activate(act, filters)
            pooling = [nn.MaxPool1d(3)] * pool
            parts[f"conv{number}"] = nn.Sequential(nn.Conv1d(channels, filters, taps), *pooling, function)
            channels = out
            length = (length - taps + 1) // (3 if pool else 1)
        parts["flatten"] = nn.Flatten()
        units = channels * length
        for number in (1, 2):
            function, out = activate(act, hidden)
            parts[f"hidden{number}"] = nn.Sequential(nn.Linear(units, hidden), function, nn.Dropout(0.5 * dropout))
            units = out
        parts["fc"] = nn.Linear(units, classes)
        super().__init__(parts)
        # Sums over fewer filters keep their size.
        initialisation.normal(self, std=0.05 / width**0.5)
