"""Plans CReLU: it doubles the channels, and all that reads them is widened so that the outputs stay what they were.

Convolutions and linear layers get zero weights for the new channels. Layers that treat every channel alone, such as
batch norm, treat a negative phase as they treat its positive one: where inputs are about as often negative as positive,
as in front of most ReLUs, the two have the same statistics, and frozen or averaged ones fit at once. All behind them
ends at zero weights too, whose gradient is not zero, so that the new channels are learned.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace as altered

from torch import nn

from ...watching.sites import Site
from ...watching.survey import Survey
from ..edits.widen import Widen, added_parameters
from .channels import Widened, Widening
from .follow import Demand, mark_traces, settle
from .planned import Change, Left, Planned
from .replace import plan_replacements
from .target import Target


def plan_widening(survey: Survey, sites: Sequence[Site], target: Target) -> Planned:
    """Put a function that doubles the channels at `sites`, and widen what reads them.

    Args:
        survey: what the example shows of the model.
        sites: those to change.
        target: what to put in.
    """
    reasons = {site.index: reason for site in sites if (reason := obstacle(site, target))}
    settled = settle(mark_traces(survey), Widening(), [site.index for site in sites if site.index not in reasons])
    reasons |= settled.reasons
    widened = [site for site in sites if site.index not in reasons]
    left = [Left(site.name, site.kind, reasons[site.index]) for site in sites if site.index in reasons]
    names = survey.trace.names
    widen = [Widen(names[layer], demand.change.channels) for layer, demand in settled.demands.items()]
    replaced = plan_replacements(survey, widened, target)
    layers: dict[int, list[nn.Module]] = {site.index: [] for site in widened}
    for layer, demand in settled.demands.items():
        layers[min(demand.sites)].append(layer)
    changes = [
        _describe(change, site, target, layers[site.index], settled.demands, names)
        for change, site in zip(replaced.changes, widened, strict=True)
    ]
    return Planned(changes, left, [*widen, *replaced.edits])


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
