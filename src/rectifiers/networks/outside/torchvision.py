"""A network of torchvision's: `torchvision:NAME`, with as many classes as the data have."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import nn

from .library import LibraryNetwork


class TorchvisionNetwork(LibraryNetwork):
    """A network by its name in torchvision, without trained weights; options are those of its builder.

    Args:
        name: such as `torchvision:resnet18`; it takes images of three channels.

    Raises:
        UnknownNameError: torchvision has none of this name; with the nearest ones.
        ConfigError: torchvision is not installed.
    """

    package = "torchvision"
    extra = "lab"

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self._models = self.load().models
        names = self._models.list_models()
        self.check_known(names.__contains__, lambda: names)

    def make(self, shape: tuple[int, ...], classes: int, options: Mapping[str, Any]) -> nn.Module:
        """Make it with its own activations."""
        return self.call(self._models.get_model, self.within, **{"weights": None, "num_classes": classes, **options})
