"""The edit that turns a convolution into a ConvReLU."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from torch import nn

from ...activations import registry
from ...core.errors import ConfigError
from ...core.thresholds import ThresholdInit
from ..inserted.classes import class_of, set_class
from .edit import Undo, submodule

CONVOLUTIONS = {
    "convrelu": (nn.Conv1d, nn.Conv2d, nn.Conv3d),
    "convrelu1d": (nn.Conv1d,),
    "convrelu2d": (nn.Conv2d,),
    "convrelu3d": (nn.Conv3d,),
}
"""Which convolutions each name stands for."""


@dataclass(frozen=True)
class Fold:
    """Turns a convolution into a ConvReLU with the same weights; it stays the same object.

    Args:
        path: path of the convolution.
        activation: registered name of the ConvReLU.
        threshold_init: start of the thresholds.
    """

    kind: ClassVar[str] = "fold"
    path: str
    activation: str
    threshold_init: ThresholdInit = "zero"

    def apply(self, model: nn.Module) -> Undo:
        """Change `model`; return what changes it back."""
        conv: Any = submodule(model, self.path)
        target: Any = registry.get(self.activation)
        if not is_plain(conv) or not issubclass(target, plain_class(conv)):
            raise ConfigError(f"{self.path!r} is a {class_of(conv).__name__}, which {target.__name__} cannot replace")
        back = set_class(conv, target)
        conv.threshold_init = self.threshold_init
        weight = conv.weight
        conv.threshold = nn.Parameter(weight.new_empty(conv.in_channels, *conv.kernel_size).detach())
        conv.reset_threshold()

        def undo() -> None:
            del conv.threshold, conv.threshold_init
            back()

        return undo

    def to_json(self) -> dict[str, Any]:
        """Return the edit as plain data, without its kind."""
        return {"path": self.path, "activation": self.activation, "threshold_init": self.threshold_init}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Fold:
        """Read the edit that `to_json` wrote."""
        return cls(data["path"], data["activation"], data["threshold_init"])


def is_plain(module: nn.Module) -> bool:
    """Return whether a module is one of PyTorch's convolutions and no subclass; its weight may be parametrized."""
    plain = plain_class(module)
    return plain is not None and class_of(module) is plain


def plain_class(module: nn.Module) -> Any:
    """Return which of PyTorch's convolutions a module is an instance of; None if it is not a convolution."""
    return next((base for base in CONVOLUTIONS["convrelu"] if isinstance(module, base)), None)
