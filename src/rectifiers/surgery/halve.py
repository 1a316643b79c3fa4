"""Plans CReLU as its paper trains it from scratch: half the filters in front of it, so that all behind it stays as is.

The halved layers start anew, by their own `reset_parameters`, which draws from PyTorch's global generator as
constructors do: `torch.manual_seed` in front of the swap decides their weights, in forward order of the layers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from dataclasses import replace as altered
from typing import Any, ClassVar

import torch
from torch import nn
from torch.nn.modules.batchnorm import _NormBase
from torch.nn.modules.conv import _ConvNd, _ConvTransposeNd

from ..core.errors import ConfigError
from .changes import Change, Left
from .edits import Edit, Undo, submodule
from .exchange import exchange
from .flow import Blocked, Pass, own_layer
from .passage import POINTWISE, SPATIAL
from .replace import Target, plan_replacements
from .sites import Found, Site, reader_name
from .trace import Op, Trace
from .widen import Planned, obstacle

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
        back = exchange(layer, tensors, dict.fromkeys(sizes, self.channels // 2))
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


def plan_halving(runs: Sequence[Pass], found: Sequence[Found], sites: Sequence[Site], target: Target) -> Planned:
    """Changes and edits that halve the layers in front of `sites` and double there, and what stays.

    Args:
        runs: of the model, the one in evaluation mode first.
        found: all sites of the model.
        sites: those to change.
        target: what to put in.
    """
    reasons = {site.index: reason for site in sites if (reason := obstacle(site, target))}
    layers: dict[int, list[nn.Module]] = {}
    for site in sites:
        try:
            chains = [_producers(run, op, site) for run in runs for op in _ops(run, site)]
        except Blocked as reason:
            reasons.setdefault(site.index, str(reason))
        else:
            layers[site.index] = chains[0]
    halved = [site for site in sites if site.index not in reasons]
    left = [Left(site.name, site.kind, reasons[site.index]) for site in sites if site.index in reasons]
    changes, edits = plan_replacements(halved, [entry.site for entry in found], target)
    names = runs[0].trace.names
    halve: list[Edit] = [
        Halve(names[layer], site.channels) for site in halved for layer in reversed(layers[site.index])
    ]
    changes = [
        _describe(change, [names[layer] for layer in reversed(layers[site.index])], layers[site.index])
        for change, site in zip(changes, halved, strict=True)
    ]
    return changes, left, [*halve, *edits]


def _ops(run: Pass, site: Site) -> list[Op]:
    return [op for op in run.trace.ops if op.index in run.sites and run.sites[op.index].index == site.index]


def _producers(run: Pass, op: Op, site: Site) -> list[nn.Module]:
    """The layers between a site and the convolution or linear layer in front of it, that one included, last to first.

    Raises:
        Blocked: they cannot have half the channels.
    """
    trace = run.trace
    if site.channels % 2:
        raise Blocked(f"{site.channels} channels cannot be halved")
    layers: list[nn.Module] = []
    while True:
        value = op.inputs[0]
        producer = trace.producer.get(value)
        if producer is None:
            raise Blocked("no convolution or linear layer stands in front of it")
        name = reader_name(trace, producer)
        if value in trace.outputs or any(reader is not op for reader in trace.consumers[value]):
            raise Blocked(f"the values of {name} are read by others too")
        op, layer = producer, producer.module
        if op.name.startswith(("conv", "linear")) and isinstance(layer, (_ConvNd, nn.Linear)):
            _check_producer(trace, op, site)
            return [*layers, own_layer(trace, op, op.inputs[:1])]
        if op.name in ("batch_norm", "instance_norm") and isinstance(layer, _NormBase):
            _check_once(trace, op)
            layers.append(own_layer(trace, op, op.inputs[:1]))
        elif len(op.inputs) > 1 or not (op.kind or op.name in POINTWISE | SPATIAL):
            raise Blocked(f"{name} stands between it and the layer in front, and cannot be halved")


def _check_producer(trace: Trace, op: Op, site: Site) -> None:
    layer, name = op.module, reader_name(trace, op)
    _check_once(trace, op)
    rank = len(site.shape)
    dim = rank - 1 - len(layer.kernel_size) if isinstance(layer, _ConvNd) else rank - 1
    if dim != site.channel_dim % rank:
        raise Blocked(f"{name} does not make the channels in dimension {site.channel_dim}")
    if getattr(layer, "groups", 1) > 1:
        raise Blocked(f"{name} is a grouped convolution, whose groups would no longer fit")
    if hasattr(layer, "spec"):
        raise Blocked(f"{name} is itself an activation")


def _check_once(trace: Trace, op: Op) -> None:
    if len({frame.call for other in trace.ops for frame in other.stack if frame.module is op.module}) > 1:
        raise Blocked(f"{reader_name(trace, op)} is called several times")


def _describe(change: Change, names: Sequence[str], layers: Sequence[nn.Module]) -> Change:
    saved = sum(
        parameter.numel() // 2 for layer in layers for parameter in layer._parameters.values() if parameter is not None
    )
    note = f"halves {', '.join(names)}, which start anew"
    return altered(
        change,
        parameters=change.parameters - saved,
        start="other",
        note="; ".join(filter(None, (change.note, note))),
    )
