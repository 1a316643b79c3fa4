"""MNIST-Conv, the three-layer network of AReLU's MNIST and transfer experiments (Chen et al., 2020, appendix A)."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn

from .blocks import activate, check_side


class MNISTConv(nn.Sequential):
    """Three times convolution, max-pooling, activation: 28² → 12² → 4² → 1², then one linear layer.

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

    def __init__(self, act: Callable[[int], nn.Module], *, shape: tuple[int, int, int], classes: int) -> None:
        channels = check_side("MNIST-Conv", shape, 28)
        layers: list[nn.Module] = []
        for width, kernel in ((10, 5), (20, 5), (40, 3)):
            function, out = activate(act, width)
            layers += [nn.Conv2d(channels, width, kernel), nn.MaxPool2d(2), function]
            channels = out
        super().__init__(*layers, nn.Flatten(), nn.Linear(channels, classes))

    def forward(self, images: Tensor) -> Tensor:
        """Logits of a batch of images."""
        logits: Tensor = super().forward(images)
        return logits
