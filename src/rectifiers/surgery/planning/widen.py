"""Plans CReLU, which doubles the channels: the layers that read them are widened so that the model's outputs stay.

Convolutions and linear layers get zero weights for the new channels. Layers that treat every channel by itself, such as
batch norm, treat a negative phase as they treat its positive phase: inputs of most ReLUs are about as often negative as
positive, so that both phases have the same statistics, and running statistics fit at once. The new channels end at the
zero weights of the next convolution or linear layer. The gradient of these weights is not zero, so that they learn.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace as replace_fields

from torch import nn

from ...watching.sites import Site
from ...watching.survey import Survey
from ..edits.widen import Widen, count_added_parameters
from .channels import Widened, Widening
from .follow import Demand, follow_sites, mark_traces
from .planned import Change, Left, Planned
from .replace import plan_replacements
from .sharing import share_channels
from .target import Target
from .units import channel_obstacle


def plan_widening(survey: Survey, sites: Sequence[Site], target: Target) -> Planned:
    """Plan to put a function that doubles the channels at `sites`, and to widen the layers that read them.

    Args:
        survey: what the example shows of the model.
        sites: the sites to change.
        target: what to put in.
    """
    reasons = {site.index: reason for site in sites if (reason := obstacle(site, target))}
    if target.share_calls:
        reasons |= share_channels([site for site in sites if site.index not in reasons])[1]
    candidates = [site.index for site in sites if site.index not in reasons]
    outcome = follow_sites(mark_traces(survey), Widening(), candidates)
    reasons |= outcome.reasons
    widened = [site for site in sites if site.index not in reasons]
    left = [Left(site.name, site.kind, reasons[site.index]) for site in sites if site.index in reasons]
    names = survey.trace.names
    widen = [Widen(names[layer], demand.input.channels) for layer, demand in outcome.demands.items()]
    replaced = plan_replacements(survey, widened, target)
    layers: dict[int, list[nn.Module]] = {site.index: [] for site in widened}
    for layer, demand in outcome.demands.items():
        layers[min(demand.sites)].append(layer)
    changes = [
        _describe(change, site, target, layers[site.index], outcome.demands, names)
        for change, site in zip(replaced.changes, widened, strict=True)
    ]
    return Planned(changes, left, [*widen, *replaced.edits])


def obstacle(site: Site, target: Target) -> str:
    """Return why a site itself cannot have its channels doubled; empty if it can."""
    if site.aliased:
        return "something reads what it writes over, which has half the channels"
    return channel_obstacle(site, target)


def _describe(
    change: Change,
    site: Site,
    target: Target,
    layers: Sequence[nn.Module],
    demands: Mapping[nn.Module, Demand[Widened]],
    names: Mapping[nn.Module, str],
) -> Change:
    rectified = target.activation == "crelu" and not target.options.get("negative_slope") and site.rectifies
    near = rectified and bool(site.settings.get("cap")) and target.cap == "drop"
    widened = f"widens {', '.join(names[layer] for layer in layers)}" if layers else ""
    return replace_fields(
        change,
        parameters=change.parameters
        + sum(count_added_parameters(layer, demands[layer].input.channels) for layer in layers),
        start="near" if near else "equal" if rectified else "other",
        note="; ".join(filter(None, (change.note, widened))),
    )
