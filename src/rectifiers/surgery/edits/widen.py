"""Gives a layer additional channels to read, which change nothing of what it makes of the old ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase
from torch.nn.modules.conv import _ConvNd, _ConvTransposeNd

from ...core.elementwise import Elementwise
from ...core.errors import ConfigError
from ..inserted.gathered import gathered_class
from .channel_map import ChannelMap
from .edit import Undo, submodule
from .tensors import Spread, exchange_tensors


@dataclass(frozen=True)
class Widen:
    """Lets a layer take additional channels without a change of what it makes of the old ones.

    Args:
        path: a convolution, linear layer or normalisation, or an activation with parameters for each channel.
        channels: which channels it gets.
    """

    kind: ClassVar[str] = "widen"
    path: str
    channels: ChannelMap

    def apply(self, model: nn.Module) -> Undo:
        """Change `model`; returns what changes it back."""
        layer = submodule(model, self.path)
        size = _size(layer)
        if size != self.channels.before:
            raise ConfigError(f"{self.path!r} is for {size} channels, and the plan for {self.channels.before}")
        with torch.no_grad():
            tensors = {name: self._widened(layer, getattr(layer, name)) for name in _tensors(layer)}
        back = exchange_tensors(layer, tensors, dict.fromkeys(_SIZES & vars(layer).keys(), self.channels.size))
        if getattr(layer, "groups", 1) == 1:
            return back
        ungather = _gather(layer, self.channels)

        def undo() -> None:
            ungather()
            back()

        return undo

    def spreads(self, model: nn.Module) -> dict[str, Spread]:
        """How numbers of the old shapes lie in the new ones."""
        layer = submodule(model, self.path)
        return {
            f"{self.path}.{name}": partial(self._spread, layer) for name in _tensors(layer) if name in layer._parameters
        }

    def _spread(self, layer: nn.Module, value: Tensor) -> Tensor:
        wide = self._widened(layer, value)
        if isinstance(layer, (_ConvNd, nn.Linear)):
            return wide
        return wide.index_fill_(-1, torch.tensor(self.channels.new, device=wide.device), 0)

    def _widened(self, layer: nn.Module, old: Tensor) -> Tensor:
        if not isinstance(layer, (_ConvNd, nn.Linear)):
            return _select(old, -1, self.channels.sources)
        groups = getattr(layer, "groups", 1)
        dim = 0 if isinstance(layer, _ConvTransposeNd) else 1
        sources, new = self.channels.sources, set(self.channels.new)
        width = self.channels.before // groups
        parts = []
        for part, positions in zip(old.chunk(groups), self.channels.grouped(groups), strict=True):
            wide = _select(part, dim, [sources[position] % width for position in positions])
            fresh = [place for place, position in enumerate(positions) if position in new]
            parts.append(wide.index_fill_(dim, torch.tensor(fresh, device=old.device, dtype=torch.long), 0))
        return torch.cat(parts)

    def to_json(self) -> dict[str, Any]:
        """Plain data, without the kind."""
        return {"path": self.path, "channels": self.channels.to_json()}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Widen:
        """The edit that `to_json` wrote."""
        return cls(data["path"], ChannelMap.from_json(data["channels"]))


def _gather(layer: Any, channels: ChannelMap) -> Undo:
    """Let a grouped convolution sort its input."""
    before = type(layer)
    order = torch.tensor([at for group in channels.grouped(layer.groups) for at in group], device=layer.weight.device)
    layer.__class__ = gathered_class(before)
    layer.register_buffer("gather", order, persistent=False)

    def undo() -> None:
        del layer.gather
        layer.__class__ = before

    return undo


_SIZES = {"in_channels", "in_features", "num_features", "num_parameters"}


def _size(layer: nn.Module) -> int:
    """How many channels a layer takes."""
    if isinstance(layer, Elementwise):
        return (layer.units or (0,))[0]
    return next((getattr(layer, name) for name in sorted(_SIZES) if name in vars(layer)), 0)


def _tensors(layer: nn.Module) -> list[str]:
    """Names of a layer's parameters and buffers that have an entry for each channel that it takes."""
    if isinstance(layer, Elementwise):
        return [spec.name for spec in layer.spec.parameters]
    names = ("weight", "bias", "running_mean", "running_var") if isinstance(layer, _NormBase) else ("weight",)
    return [name for name in names if getattr(layer, name) is not None]


def _select(tensor: Tensor, dim: int, places: Sequence[int]) -> Tensor:
    return tensor.detach().index_select(dim, torch.tensor(places, device=tensor.device))


def added_parameters(layer: nn.Module, channels: ChannelMap) -> int:
    """How many parameters a layer gets by being widened."""
    numbers = [layer._parameters[name] for name in _tensors(layer) if name in layer._parameters]
    more = channels.size - channels.before
    return sum(parameter.numel() // channels.before * more for parameter in numbers if parameter is not None)
