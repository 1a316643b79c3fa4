"""Plans CReLU as its paper trains it from scratch: the layers before it are halved, those after it stay."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace as replace_fields

from torch import nn
from torch.nn.modules.batchnorm import _NormBase
from torch.nn.modules.conv import _ConvNd

from ...watching.sites import Site, reader_name
from ...watching.survey import Survey
from ...watching.trace import Op, Trace
from ..edits.edit import Edit
from ..edits.halve import Halve
from .channels import POINTWISE, SPATIAL
from .follow import Blocked, MarkedTrace, mark_traces, own_layer
from .planned import Change, Left, Planned
from .replace import plan_replacements
from .sharing import share_channels
from .target import Target
from .widen import obstacle


def plan_halving(survey: Survey, sites: Sequence[Site], target: Target) -> Planned:
    """Plan to halve the layers before `sites`, and to put a function that doubles the channels there.

    Args:
        survey: what the example shows of the model.
        sites: the sites to change.
        target: what to put in.
    """
    reasons = {site.index: reason for site in sites if (reason := obstacle(site, target))}
    if target.share_calls:
        reasons |= share_channels([site for site in sites if site.index not in reasons])[1]
    traces = mark_traces(survey)
    layers: dict[int, list[nn.Module]] = {}
    for site in sites:
        try:
            chains = [_producers(marked.trace, op, site) for marked in traces for op in _ops(marked, site)]
        except Blocked as reason:
            # What is before a site also shows why its channels are not known.
            if site.channel_dim is None or site.index not in reasons:
                reasons[site.index] = str(reason)
        else:
            layers[site.index] = chains[0]
    halved = [site for site in sites if site.index not in reasons]
    left = [Left(site.name, site.kind, reasons[site.index]) for site in sites if site.index in reasons]
    replaced = plan_replacements(survey, halved, target)
    names = survey.trace.names
    halve: list[Edit] = [
        Halve(names[layer], site.channels) for site in halved for layer in reversed(layers[site.index])
    ]
    changes = [
        _describe(change, [names[layer] for layer in reversed(layers[site.index])], layers[site.index])
        for change, site in zip(replaced.changes, halved, strict=True)
    ]
    return Planned(changes, left, [*halve, *replaced.edits])


def _ops(marked: MarkedTrace, site: Site) -> list[Op]:
    numbers = [number for number, one in marked.sites.items() if one.index == site.index]
    return [marked.trace.ops[number] for number in sorted(numbers)]


def _producers(trace: Trace, op: Op, site: Site) -> list[nn.Module]:
    """List the layers that make a site's channels: back to the convolution or linear layer before, which is the last.

    Raises:
        Blocked: a layer cannot have half the channels.
    """
    layers: list[nn.Module] = []
    while True:
        value = op.inputs[0]
        producer = trace.producer.get(value)
        if producer is None:
            raise Blocked("there is no convolution or linear layer before it")
        name = reader_name(trace, producer)
        if value in trace.outputs or any(reader is not op for reader in trace.consumers[value]):
            raise Blocked(f"something else reads the values of {name} too")
        op, layer = producer, producer.module
        if op.name.startswith(("conv", "linear")) and isinstance(layer, (_ConvNd, nn.Linear)):
            _check_producer(trace, op, site)
            return [*layers, own_layer(trace, op, op.inputs[:1])]
        if op.name in ("batch_norm", "instance_norm") and isinstance(layer, _NormBase):
            _check_once(trace, op)
            layers.append(own_layer(trace, op, op.inputs[:1]))
        elif len(op.inputs) > 1 or not (op.kind or op.name in POINTWISE | SPATIAL):
            raise Blocked(f"{name} is between it and the layer before, and cannot be halved")


def _check_producer(trace: Trace, op: Op, site: Site) -> None:
    layer, name = op.module, reader_name(trace, op)
    _check_once(trace, op)
    rank = len(site.shape)
    dim = rank - 1 - len(layer.kernel_size) if isinstance(layer, _ConvNd) else rank - 1
    if site.channel_dim is not None and dim != site.channel_dim % rank:
        raise Blocked(f"{name} does not make the channels in dimension {site.channel_dim}")
    if site.channels % 2:
        raise Blocked(f"{site.channels} channels cannot be halved")
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
    note = f"halves {', '.join(names)}, with new initial weights"
    return replace_fields(
        change,
        parameters=change.parameters - saved,
        start="other",
        note="; ".join(filter(None, (change.note, note))),
    )
