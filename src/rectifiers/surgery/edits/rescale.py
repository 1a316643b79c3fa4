"""The edit that adapts a layer to inputs that are larger by a factor."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from .edit import Undo, chain_undos, submodule
from .tensors import write


@dataclass(frozen=True)
class Rescale:
    """Lets a layer give for g·x what it gave for x.

    The weights of a convolution or linear layer are divided by g; the running statistics of a batch norm are scaled.

    Args:
        path: path of the layer.
        gain: the factor g.
    """

    kind: ClassVar[str] = "rescale"
    path: str
    gain: float

    def apply(self, model: nn.Module) -> Undo:
        """Change `model`; return what changes it back."""
        layer: Any = submodule(model, self.path)
        if isinstance(layer, _BatchNorm) and layer.running_mean is not None and layer.running_var is not None:
            square, eps = self.gain**2, layer.eps
            return chain_undos(
                write(layer, "running_mean", layer.running_mean * self.gain, lambda mean: mean / self.gain),
                write(
                    layer,
                    "running_var",
                    layer.running_var * square + (square - 1) * eps,
                    lambda variance: ((variance - (square - 1) * eps) / square).clamp_min(0),
                ),
            )
        return write(layer, "weight", layer.weight / self.gain, lambda weight: weight * self.gain)

    def to_json(self) -> dict[str, Any]:
        """Return the edit as plain data, without its kind."""
        return {"path": self.path, "gain": self.gain}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Rescale:
        """Read the edit that `to_json` wrote."""
        return cls(data["path"], data["gain"])
