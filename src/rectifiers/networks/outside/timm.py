"""A network of timm's: `timm:NAME`, with the numbers of channels and classes that the data have."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import nn

from .library import LibraryNetwork


class TimmNetwork(LibraryNetwork):
    """A network by its name in timm, without trained weights; options are those of `timm.create_model`.

    Args:
        name: such as `timm:resnet26d`.

    Raises:
        UnknownNameError: timm has none of this name; with the nearest ones.
        ConfigError: timm is not installed.
    """

    package = "timm"
    extra = "timm"

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self._timm = self.load()
        self.check_known(self._timm.is_model, self._timm.list_models)

    def make(self, shape: tuple[int, ...], classes: int, options: Mapping[str, Any]) -> nn.Module:
        """Make it with its own activations."""
        given = {"num_classes": classes, "in_chans": shape[0], **options}
        return self.call(self._timm.create_model, self.within, **given)
