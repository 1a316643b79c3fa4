"""A network of fully connected layers."""

from __future__ import annotations

import math

from torch import nn

from ..core.checks import check_count
from .blocks import Act, Network, activate
from .spec import NetworkSpec


class MLP(Network):
    """Hidden layers of equally many units with an activation after each, and a linear layer.

    Kumar, Marklund and Van Roy (2023) learn permuted MNIST and random labels with two hidden layers of 100; Dohare et
    al. (Nature, 2024) a regression that changes slowly with one of 5.

    Args:
        act: makes an activation for a number of channels.
        shape: of one input; it is flattened.
        classes: number of outputs.
        units: of each hidden layer, before its activation.
        depth: number of hidden layers.
        norm: layer normalisation between each hidden layer and its activation.

    Shape:
        (N, …) in, (N, classes) out.

    Raises:
        ConfigError: `units` or `depth` is not a positive integer.

    Example:
        >>> net = MLP(lambda channels: nn.ReLU(), shape=(1, 28, 28), classes=10)
        >>> sum(p.numel() for p in net.parameters())
        89610
    """

    spec = NetworkSpec(title="MLP", paper="Kumar et al. (2023), for data that change", shape=(1, 28, 28), classes=10)

    def __init__(
        self, act: Act, *, shape: tuple[int, ...], classes: int, units: int = 100, depth: int = 2, norm: bool = False
    ) -> None:
        check_count(self.spec.title, "units", units)
        check_count(self.spec.title, "depth", depth)
        features = math.prod(shape)
        layers: list[nn.Module] = [nn.Flatten()]
        for _ in range(depth):
            function, out = activate(act, units)
            layers += [nn.Linear(features, units), *([nn.LayerNorm(units)] if norm else []), function]
            features = out
        super().__init__(*layers, nn.Linear(features, classes))
