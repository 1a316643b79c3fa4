"""MNIST-Conv, the three-layer network of AReLU's MNIST and transfer experiments (Chen et al., 2020, appendix A)."""

from __future__ import annotations

from torch import nn

from .blocks import Act, Network, activate, check_side
from .spec import NetworkSpec


class MNISTConv(Network):
    """Convolution, max-pooling and activation three times: 28² → 12² → 4² → 1², then one linear layer.

    With one input channel and ten classes it has 12,930 parameters, plus the activations'. The paper ends in
    log-softmax and the negative log-likelihood; here logits come out and the loss is their cross-entropy, the same.

    Args:
        act: makes an activation for a number of channels.
        shape: (channels, 28, 28).
        classes: number of logits.

    Shape:
        (N, channels, 28, 28) in, (N, classes) out.

    Raises:
        ShapeError: images of another size.

    Example:
        >>> net = MNISTConv(lambda channels: nn.ReLU(), shape=(1, 28, 28), classes=10)
        >>> sum(p.numel() for p in net.parameters())
        12930
    """

    spec = NetworkSpec(title="MNIST-Conv", paper="AReLU, Tables 1, 2 and 5 to 8", shape=(1, 28, 28), classes=10)

    def __init__(self, act: Act, *, shape: tuple[int, ...], classes: int) -> None:
        channels = check_side(self.spec.title, shape, 28)
        layers: list[nn.Module] = []
        for width, kernel in ((10, 5), (20, 5), (40, 3)):
            function, out = activate(act, width)
            layers += [nn.Conv2d(channels, width, kernel), nn.MaxPool2d(2), function]
            channels = out
        super().__init__(*layers, nn.Flatten(), nn.Linear(channels, classes))
