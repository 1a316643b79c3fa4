"""Plans CReLU: it doubles the channels, and all that reads them is widened so that the outputs stay what they were.

Convolutions and linear layers get zero weights for the new channels. Layers that treat every channel alone, such as
batch norm, treat a negative phase as they treat its positive one: where inputs are about as often negative as positive,
as in front of most ReLUs, the two have the same statistics, and frozen or averaged ones fit at once. All behind them
ends at zero weights too, whose gradient is not zero, so that the new channels are learned.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from dataclasses import replace as altered
from functools import partial
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase
from torch.nn.modules.conv import _ConvNd, _ConvTransposeNd

from ..activations import registry
from ..core.elementwise import Elementwise
from ..core.errors import ConfigError
from .changes import Change, Left
from .channels import ChannelMap
from .edits import Edit, Undo, submodule
from .exchange import exchange
from .flow import Demand, Pass, settle
from .passage import Widened, Widening
from .replace import Target, plan_replacements
from .sites import Found, Site
from .turnover import Spread

Planned = tuple[list[Change], list[Left], list[Edit]]


def doubles_channels(target: Target) -> bool:
    """Whether a function puts out two channels for each that comes in."""
    name = target.activation
    return isinstance(name, str) and registry.get(name).spec.channel_factor == (2, 1)


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
        back = exchange(layer, tensors, dict.fromkeys(_SIZES & vars(layer).keys(), self.channels.size))
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


class Gathered(nn.Module):
    """What the class of a grouped convolution gets in front of its own: it sorts its input's channels by group."""

    _base: type[nn.Module]
    kernel_size: tuple[int, ...]
    gather: Tensor

    def forward(self, x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        """Bring both phases of a group's channels together, and apply the convolution."""
        y: Tensor = super().forward(x.index_select(-1 - len(self.kernel_size), self.gather), *args, **kwargs)
        return y

    def __reduce_ex__(self, protocol: Any) -> Any:
        # A class made at run time cannot be pickled by name.
        return _new_gathered, (self._base,), self.__dict__


def _new_gathered(base: type[nn.Module]) -> nn.Module:
    cls = _gathered_class(base)
    module: nn.Module = cls.__new__(cls)
    return module


def _gathered_class(base: type[nn.Module]) -> type[nn.Module]:
    members = {"_base": base, "__module__": base.__module__, "__qualname__": base.__qualname__}
    return type(base.__name__, (Gathered, base), members)


def _gather(layer: Any, channels: ChannelMap) -> Undo:
    """Let a grouped convolution sort its input."""
    before = type(layer)
    order = torch.tensor([at for group in channels.grouped(layer.groups) for at in group], device=layer.weight.device)
    layer.__class__ = _gathered_class(before)
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


def plan_widening(runs: Sequence[Pass], found: Sequence[Found], sites: Sequence[Site], target: Target) -> Planned:
    """Changes and edits that put a function that doubles the channels at `sites`, and what stays.

    Args:
        runs: of the model, the one in evaluation mode first.
        found: all sites of the model.
        sites: those to change.
        target: what to put in.
    """
    reasons = {site.index: reason for site in sites if (reason := obstacle(site, target))}
    settled = settle(runs, Widening(), [site.index for site in sites if site.index not in reasons])
    reasons |= settled.reasons
    widened = [site for site in sites if site.index not in reasons]
    left = [Left(site.name, site.kind, reasons[site.index]) for site in sites if site.index in reasons]
    names = runs[0].trace.names
    widen = [Widen(names[layer], demand.change.channels) for layer, demand in settled.demands.items()]
    changes, edits = plan_replacements(widened, [entry.site for entry in found], target)
    layers: dict[int, list[nn.Module]] = {site.index: [] for site in widened}
    for layer, demand in settled.demands.items():
        layers[min(demand.sites)].append(layer)
    changes = [
        _describe(change, site, target, layers[site.index], settled.demands, names)
        for change, site in zip(changes, widened, strict=True)
    ]
    return changes, left, [*widen, *edits]


def obstacle(site: Site, target: Target) -> str:
    """Why a site itself cannot double its channels, if it cannot."""
    if site.aliased:
        return "something reads what it writes over, which has half the channels"
    if len(site.shape) < 2:
        return "its values have no dimension for channels"
    return ""


def _describe(
    change: Change,
    site: Site,
    target: Target,
    layers: Sequence[nn.Module],
    demands: Mapping[nn.Module, Demand[Widened]],
    names: Mapping[nn.Module, str],
) -> Change:
    rectified = target.activation == "crelu" and site.kind in ("relu", "relu6")
    near = rectified and site.kind == "relu6" and target.cap == "drop"
    widened = f"widens {', '.join(names[layer] for layer in layers)}" if layers else ""
    return altered(
        change,
        parameters=change.parameters + sum(added_parameters(layer, demands[layer].change.channels) for layer in layers),
        start="near" if near else "equal" if rectified else "other",
        note="; ".join(filter(None, (change.note, widened))),
    )
