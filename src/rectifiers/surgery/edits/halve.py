"""Halves the outputs of a layer, which starts anew.

It does so by its own `reset_parameters`, which draws from PyTorch's global generator as constructors do:
`torch.manual_seed` in front of the swap decides the weights, in forward order of the layers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import nn
from torch.nn.modules.conv import _ConvTransposeNd

from ...core.errors import ConfigError
from .edit import Undo, submodule
from .tensors import exchange_tensors

_SIZES = {"out_channels", "out_features", "num_features"}


@dataclass(frozen=True)
class Halve:
    """Halves the outputs of a layer and initialises it anew.

    Args:
        path: a convolution, linear layer or normalisation.
        channels: how many outputs it has.
    """

    kind: ClassVar[str] = "halve"
    path: str
    channels: int

    def apply(self, model: nn.Module) -> Undo:
        """Change `model`; returns what changes it back."""
        layer: Any = submodule(model, self.path)
        sizes = _SIZES & vars(layer).keys()
        if {getattr(layer, name) for name in sizes} != {self.channels}:
            raise ConfigError(f"{self.path!r} is no layer of {self.channels} outputs, as the plan has it")
        tensors = {}
        for name in _tensors(layer):
            dim = 1 if isinstance(layer, _ConvTransposeNd) and name == "weight" else 0
            tensors[name] = torch.empty_like(getattr(layer, name).detach().narrow(dim, 0, self.channels // 2))
        counted = getattr(layer, "num_batches_tracked", None)
        if counted is not None:
            tensors["num_batches_tracked"] = torch.zeros_like(counted)
        back = exchange_tensors(layer, tensors, dict.fromkeys(sizes, self.channels // 2))
        layer.reset_parameters()
        return back

    def to_json(self) -> dict[str, Any]:
        """Plain data, without the kind."""
        return {"path": self.path, "channels": self.channels}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Halve:
        """The edit that `to_json` wrote."""
        return cls(data["path"], data["channels"])


def _tensors(layer: nn.Module) -> list[str]:
    names = ("weight", "bias", "running_mean", "running_var")
    return [name for name in names if getattr(layer, name, None) is not None]
