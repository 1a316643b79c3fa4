"""Makes a layer take values that are larger by a factor."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from .edit import Undo, submodule


@dataclass(frozen=True)
class Rescale:
    """Makes a layer give for g·x what it gave for x.

    A convolution or linear layer has its weights divided, a batch norm its running statistics scaled.

    Args:
        path: the layer.
        gain: the factor g.
    """

    kind: ClassVar[str] = "rescale"
    path: str
    gain: float

    def apply(self, model: nn.Module) -> Undo:
        """Change `model`; returns what changes it back."""
        layer: Any = submodule(model, self.path)
        new: dict[Tensor, Tensor]
        if isinstance(layer, _BatchNorm) and layer.running_mean is not None and layer.running_var is not None:
            new = {
                layer.running_mean: layer.running_mean * self.gain,
                layer.running_var: layer.running_var * self.gain**2 + (self.gain**2 - 1) * layer.eps,
            }
        else:
            new = {layer.weight: layer.weight / self.gain}
        old = {tensor: tensor.detach().clone() for tensor in new}
        _write(new)
        return lambda: _write(old)

    def to_json(self) -> dict[str, Any]:
        """Plain data, without the kind."""
        return {"path": self.path, "gain": self.gain}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Rescale:
        """The edit that `to_json` wrote."""
        return cls(data["path"], data["gain"])


def _write(values: Mapping[Tensor, Tensor]) -> None:
    with torch.no_grad():
        for tensor, value in values.items():
            tensor.copy_(value)
