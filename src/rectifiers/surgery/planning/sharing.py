"""Which calls of a module can share one activation: those that compute the same, on channels in the same place."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from ...watching.sites import Located, Site
from ...watching.survey import Survey
from ...watching.trace import Op, Trace, Value
from ..edits.recipe import Recipe
from .formulas import compute

_CANNOT = "so that share_calls=True cannot share them"


def share_functions(survey: Survey, sites: Sequence[Site]) -> dict[int, str]:
    """Return why some calls cannot share an activation with the first call of their module, by index of the site.

    What takes the place of one function, or is added to it, is wrong in the place of another.

    Args:
        survey: what the example shows of the model.
        sites: the sites to change.
    """
    located = {one.site.index: one for one in survey.located}
    reasons = {}
    for members in _by_module(sites).values():
        first = members[0]
        for site in members[1:]:
            if _spell(site) != _spell(first):
                reasons[site.index] = f"it is {_spell(site)} and {first.name} is {_spell(first)}, {_CANNOT}"
            elif not _same_function(survey, located[first.index], located[site.index]):
                reasons[site.index] = f"it is another {site.kind} than {first.name}, {_CANNOT}"
            elif site.inplace != first.inplace and (site.aliased or first.aliased):
                how = ("writes", "does not") if site.inplace else ("does not write", "does")
                reasons[site.index] = (
                    f"it {how[0]} over its input, where something else reads it, and {first.name} {how[1]}, {_CANNOT}"
                )
    return reasons


def share_channels(sites: Sequence[Site]) -> tuple[list[Site], dict[int, str]]:
    """Let all calls of a module have their channels in one dimension, because they share parameters for them.

    Args:
        sites: sites whose channels are known.

    Returns:
        The sites, with one channel dimension for each module, and why some cannot share, by their index.
    """
    groups = _by_module(sites)
    reasons = {}
    for key, members in groups.items():
        dim = next((site.channel_dim for site in members if _holds(site.channel_dim, members)), None)
        if dim is not None:
            groups[key] = members = [replace(site, channel_dim=dim) for site in members]
        first = members[0]
        for site in members[1:]:
            if (site.channel_dim, site.channels) != (first.channel_dim, first.channels):
                reasons[site.index] = (
                    f"it has {site.channels} channels in dimension {site.channel_dim} and {first.name} has "
                    f"{first.channels} in dimension {first.channel_dim}, {_CANNOT}"
                )
    agreed = {site.index: site for members in groups.values() for site in members}
    return [agreed[site.index] for site in sites], reasons


def _holds(dim: int | None, sites: Sequence[Site]) -> bool:
    """Return whether a dimension, counted from one end, is the one that holds the channels of all these sites."""
    assert dim is not None
    places = [(site.channel_dim, len(site.shape)) for site in sites]
    return all(-rank <= dim < rank and own is not None and dim % rank == own % rank for own, rank in places)


def share_recipes(sites: Sequence[Site], recipes: Mapping[int, Recipe]) -> dict[int, Recipe]:
    """Return the recipes of sites whose calls share an activation, which does what any of these calls needs.

    Args:
        sites: the sites to change.
        recipes: what to put at a site, by the site's index.
    """
    shared = {}
    for members in _by_module(sites).values():
        asked = [recipes[site.index] for site in members]
        write_back = any(recipe.write_back for recipe in asked)
        for site in members:
            shared[site.index] = replace(
                recipes[site.index],
                write_back=write_back,
                # What writes its result back works on copies already.
                keep_input=not write_back and any(recipe.keep_input for recipe in asked),
                keep_output=not write_back and any(recipe.keep_output for recipe in asked),
                allow_infinite=any(recipe.allow_infinite for recipe in asked),
            )
    return shared


def _by_module(sites: Sequence[Site]) -> dict[tuple[bool, tuple[str, ...]], list[Site]]:
    """Group the calls of each module, under whatever name, and those of the functions that each module calls."""
    groups: dict[tuple[bool, tuple[str, ...]], list[Site]] = defaultdict(list)
    for site in sites:
        groups[site.call == "function", site.aliases].append(site)
    return groups


def _spell(site: Site) -> str:
    """Name what a site computes, with the numbers that are known of it."""
    numbers = " and ".join(f"{name} {value:g}" for name, value in sorted(site.settings.items()))
    return f"{site.kind} with {numbers}" if numbers else site.kind


def _same_function(survey: Survey, one: Located, other: Located) -> bool:
    """Return whether all calls of two sites compute the same: they are written alike, or give the same values."""
    traces = [survey.training if entry.site.training_only else survey.trace for entry in (one, other)]
    calls = [(op, trace) for entry, trace in zip((one, other), traces, strict=True) for op in entry.ops if trace]
    (first, its_trace), *rest = calls
    written, values = _written(first, its_trace), None
    for op, trace in rest:
        if _written(op, trace) == written:
            continue
        values = _values(first) if values is None else values
        others = _values(op)
        if values is None or others is None or not torch.equal(values, others):
            return False
    return True


def _written(op: Op, trace: Trace) -> tuple[Hashable, ...]:
    """Return the function that an op calls, with all that it is given beside its input."""
    given = [*enumerate(op.args[1:], start=1), *sorted(op.kwargs.items())]
    named = [(name, _constant(value, trace)) for name, value in given if name not in ("input", "self", "inplace")]
    return op.func, *named


def _constant(value: Any, trace: Trace) -> Hashable:
    if not isinstance(value, Value):
        return repr(value)
    # The same parameter may have other numbers in the trace of another mode.
    name = trace.parameters.get(value.number)
    return (id(trace), value.number) if name is None else (name,)


def _values(op: Op) -> Tensor | None:
    """Return what an op makes of many numbers, small and large; None if it cannot be asked."""
    far = 10 ** torch.linspace(-4, 5, 901, dtype=torch.float64, device="cpu")
    near = torch.linspace(-9, 9, 361, dtype=torch.float64, device="cpu")
    with torch.no_grad(), torch.random.fork_rng(devices=()):
        try:
            return compute(op, torch.cat((-far, near, far)))
        except Exception:  # whatever a function of others raises
            return None
