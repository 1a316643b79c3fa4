"""Networks, one file per family, as the papers used them. The table below is their registry.

A network is a class `Net(act, *, shape, classes)`: `act` makes an activation for a number of channels, `shape` is
(channels, height, width) of one image. It returns logits. None names an activation.

A new network: one file, one line in `TABLE`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..core.registry import Registry

if TYPE_CHECKING:
    from torch import nn

TABLE = {
    "digits-conv": "digits_conv:DigitsConv",
    "mnist-conv": "mnist_conv:MNISTConv",
}

registry: Registry[Any] = Registry("network", __name__, TABLE)


def create(name: str, act: Callable[[int], nn.Module], *, shape: tuple[int, ...], classes: int) -> nn.Module:
    """A new network with PyTorch's default initialisation, drawn from the global generator.

    Args:
        name: a registered name.
        act: makes an activation module for so many channels.
        shape: channels, height and width of one image.
        classes: number of logits.

    Raises:
        UnknownNameError: with the nearest names.
        ShapeError: the network does not take images of this shape, or channels that this activation leaves.
    """
    module: nn.Module = registry.get(name)(act, shape=shape, classes=classes)
    return module
