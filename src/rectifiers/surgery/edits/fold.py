"""Turns a convolution into a ConvReLU."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from torch import nn
from torch.nn.utils import parametrize

from ...activations import registry
from ...core.errors import ConfigError
from ...core.thresholds import ThresholdInit
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
    """Turns a convolution into a ConvReLU with the same weights, in place: it stays the same object.

    Args:
        path: the convolution.
        activation: registered name of the ConvReLU.
        threshold_init: start of the thresholds.
    """

    kind: ClassVar[str] = "fold"
    path: str
    activation: str
    threshold_init: ThresholdInit = "zero"

    def apply(self, model: nn.Module) -> Undo:
        """Change `model`; returns what changes it back."""
        conv: Any = submodule(model, self.path)
        before = type(conv)
        target: Any = registry.get(self.activation)
        if not is_plain(conv) or not issubclass(target, plain_class(conv)):
            raise ConfigError(f"{self.path!r} is {before}, not a convolution that {target.__name__} can replace")
        conv.__class__ = target if before is plain_class(conv) else type(target.__name__, (target, before), {})
        conv.threshold_init = self.threshold_init
        weight = conv.weight
        conv.threshold = nn.Parameter(weight.new_empty(conv.in_channels, *conv.kernel_size).detach())
        conv.reset_threshold()

        def undo() -> None:
            del conv.threshold, conv.threshold_init
            conv.__class__ = before

        return undo

    def to_json(self) -> dict[str, Any]:
        """Plain data, without the kind."""
        return {"path": self.path, "activation": self.activation, "threshold_init": self.threshold_init}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Fold:
        """The edit that `to_json` wrote."""
        return cls(data["path"], data["activation"], data["threshold_init"])


def is_plain(module: nn.Module) -> bool:
    """Whether a module is a convolution that computes nothing else; its weight may be parametrized."""
    plain = plain_class(module)
    base = type(module).__base__ if parametrize.is_parametrized(module) else type(module)
    return plain is not None and base is plain


def plain_class(module: nn.Module) -> Any:
    """PyTorch's convolution that a module is one of; None if it is not one."""
    return next((base for base in CONVOLUTIONS["convrelu"] if isinstance(module, base)), None)
