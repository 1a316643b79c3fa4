"""Plans ConvReLU: a ReLU moves into the convolution that reads it, through max-pooling and dropout in between."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from torch import nn

from ...core.errors import ConfigError
from ...watching.sites import Site, reader_name
from ...watching.survey import Survey
from ...watching.trace import Op, Trace
from ..edits.edit import Edit
from ..edits.fold import CONVOLUTIONS, Fold, is_plain
from .follow import MarkedTrace, mark_traces
from .planned import Change, Left, Planned
from .replace import make_edits
from .target import Target

THROUGH = (
    "max_pool1d",
    "max_pool2d",
    "max_pool3d",
    "dropout",
    "dropout1d",
    "dropout2d",
    "dropout3d",
    "feature_dropout",
)
"""Functions that a ReLU can be moved past, because they commute with it."""


def plan_folds(survey: Survey, sites: Sequence[Site], target: Target) -> Planned:
    """Plan to move each of `sites` into the convolutions that read it; sites that cannot move stay.

    Args:
        survey: what the example shows of the model.
        sites: the sites to fold.
        target: names the ConvReLU; `threshold_init` is the only option that it may have.

    Raises:
        ConfigError: it has another option.
    """
    unknown = set(target.options) - {"threshold_init"}
    if unknown:
        raise ConfigError(
            f"a ConvReLU that replaces a convolution takes threshold_init alone, got {sorted(unknown)[0]!r}"
        )
    kinds = CONVOLUTIONS[str(target.activation)]
    trace = survey.trace
    traces = mark_traces(survey)
    readers: list[dict[int, list[Op]]] = [{} for _ in traces]
    reasons: dict[int, str] = {}
    for site in sites:
        reasons[site.index] = _obstacle(site, target)
        for marked, found in zip(traces, readers, strict=True):
            found[site.index], reason = _readers(marked, site, target, kinds)
            reasons[site.index] = reasons[site.index] or reason
    _leave_partly_rectified([marked.trace for marked in traces], readers, reasons)
    changes: list[Change] = []
    folded_paths: set[str] = set()
    edits: list[Edit] = []
    names = trace.names
    folded = [site for site in sites if not reasons[site.index]]
    for site in folded:
        convs: dict[str, Any] = {names[op.module]: op.module for found in readers for op in found[site.index]}
        new = {path: conv for path, conv in convs.items() if path not in folded_paths}
        folded_paths.update(new)
        for path, conv in new.items():
            rank = len(conv.kernel_size)
            edits.append(Fold(path, f"convrelu{rank}d", target.options.get("threshold_init", "zero")))
        changes.append(_describe(site, convs, new, target))
    removals = make_edits(folded, survey.sites, dict.fromkeys((site.index for site in folded), None))
    left = [Left(site.name, site.kind, reasons[site.index]) for site in sites if reasons[site.index]]
    return Planned(changes, left, [*edits, *removals])


def _obstacle(site: Site, target: Target) -> str:
    """Return why a site itself cannot move; empty if it can."""
    if site.settings.get("cap") and target.cap == "keep":
        return f"its cap at {site.settings['cap']:g} does not fit into thresholds; cap='drop' drops it"
    if not site.rectifies:
        return "only a ReLU can become thresholds of zero"
    if site.aliased:
        return "something reads what it writes over"
    if site.input_overwritten or site.output_overwritten:
        return "something else writes over its values, which the convolution would read"
    if site.training_only:
        return "it is called in training mode only"
    return ""


def _readers(marked: MarkedTrace, site: Site, target: Target, kinds: tuple[type, ...]) -> tuple[list[Op], str]:
    """Return the convolutions that read a site, and why it cannot move into them; empty if it can."""
    trace = marked.trace
    convolutions: list[Op] = []
    ops = [trace.ops[number] for number, one in marked.sites.items() if one.index == site.index]
    waiting = [value for op in ops for value in op.outputs]
    while waiting:
        value = waiting.pop()
        if value in trace.outputs:
            return [], "the model returns its values"
        for op in trace.consumers[value]:
            if op.name in THROUGH:
                waiting.extend(op.outputs)
            elif hook := _weight_hook(op.module):
                return [], (
                    f"the weight of {reader_name(trace, op)} is computed by a hook ({hook}): take it off first, as "
                    "torch.nn.utils.remove_weight_norm and prune.remove do"
                )
            elif not is_plain(op.module) or not op.name.startswith("conv"):
                return [], f"{reader_name(trace, op)} reads it, and is not a plain convolution"
            elif not isinstance(op.module, kinds):
                return [], f"{reader_name(trace, op)} is not of the rank of {target.activation}"
            else:
                convolutions.append(op)
    return convolutions, "" if convolutions or not ops else "nothing reads its values"


def _weight_hook(layer: nn.Module) -> str:
    """Return the class of a hook of PyTorch's that computes the layer's weight before every call; empty for none."""
    names = (type(hook) for hook in layer._forward_pre_hooks.values())
    return next((kind.__name__ for kind in names if kind.__module__.startswith("torch.nn.utils.")), "")


def _leave_partly_rectified(
    traces: Sequence[Trace], readers: Sequence[Mapping[int, list[Op]]], reasons: dict[int, str]
) -> None:
    """Give up the sites whose convolution reads something other than a ReLU in another call, until none is left."""
    called: list[dict[nn.Module, set[int]]] = [{} for _ in traces]
    for trace, calls in zip(traces, called, strict=True):
        for op in trace.ops:
            calls.setdefault(op.module, set()).add(op.index)
    finished = False
    while not finished:
        finished = True
        rectified = [{op.index for index, ops in each.items() if not reasons[index] for op in ops} for each in readers]
        for index in reasons:
            for op in (op for each in readers for op in each[index]):
                partly = any(
                    calls.get(op.module, set()) - there for calls, there in zip(called, rectified, strict=True)
                )
                if not reasons[index] and partly:
                    reasons[index] = (
                        f"{reader_name(traces[0], op)} reads values without this ReLU in another of its calls"
                    )
                    finished = False


def _describe(site: Site, convs: Mapping[str, Any], new: Mapping[str, Any], target: Target) -> Change:
    thresholds = sum(conv.in_channels * math.prod(conv.kernel_size) for conv in new.values())
    near = target.options.get("threshold_init", "zero") in ("zero", 0, 0.0)
    return Change(
        site=site.name,
        was=site.kind,
        becomes=f"ConvReLU in {', '.join(convs)}",
        shape=site.shape,
        channels=site.channels,
        parameters=thresholds,
        start="other" if not near else "near" if site.settings.get("cap") else "equal",
    )
