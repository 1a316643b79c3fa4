"""Plans functions that keep the channels: an activation of its own for every selected site."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

import torch
from torch import nn

from ...watching.sites import Site
from ...watching.survey import Survey
from ..edits.calls import Distribute, Intercept
from ..edits.edit import Edit
from ..edits.recipe import Recipe
from ..edits.replace import Replace
from .infinity import allow_infinite_inputs, describe_infinity
from .keep import keep_what_is_saved
from .planned import Change, Planned
from .target import Target


def count_parameters(recipe: Recipe) -> int:
    """Count the parameters of a recipe's activation."""
    with torch.device("meta"):
        return sum(parameter.numel() for parameter in recipe.build(nn.Identity()).parameters())


def plan_replacements(survey: Survey, sites: Sequence[Site], target: Target) -> Planned:
    """Plan to put `target` at each of `sites`.

    Args:
        survey: what the example shows of the model.
        sites: the sites to change.
        target: what to put in.
    """
    recipes = {site.index: _make_recipe(site, target) for site in sites}
    changes, counted = [], set()
    for site in sites:
        shared = target.share_calls and (site.call, site.path) in counted
        counted.add((site.call, site.path))
        parameters = 0 if shared else count_parameters(recipes[site.index])
        holder = survey.model.get_submodule(site.path if site.call == "function" else site.path.rpartition(".")[0])
        changes.append(_describe(site, holder, target, recipes[site.index], parameters))
    edits = make_edits(sites, survey.sites, recipes, share_calls=target.share_calls)
    return Planned(changes, edits=edits)


def make_edits(
    sites: Sequence[Site],
    all_sites: Sequence[Site],
    recipes: Mapping[int, Recipe | None],
    *,
    share_calls: bool = False,
) -> list[Edit]:
    """Make the edits that put activations at `sites`.

    Args:
        sites: the sites to change.
        all_sites: all sites of the model.
        recipes: what to put at a site, by the site's index; None for nothing.
        share_calls: whether the calls of a module share an activation.
    """
    edits: list[Edit] = []
    groups: dict[tuple[str, str], list[Site]] = defaultdict(list)
    for site in sites:
        groups[site.call, site.path].append(site)
    for (call, path), members in groups.items():
        numbered = {site.number: recipes[site.index] for site in members}
        calls = sum(site.call == call and site.path == path for site in all_sites)
        if call == "module" or (call == "reused" and share_calls and len(members) == calls):
            edits.append(Replace(members[0].paths, recipes[members[0].index]))
        elif call == "reused":
            edits.append(Distribute(members[0].paths, members[0].scope, numbered, share_calls))
        else:
            edits.append(Intercept(path, numbered, share_calls))
    return edits


def _make_recipe(site: Site, target: Target) -> Recipe:
    return allow_infinite_inputs(keep_what_is_saved(target.recipe(site), site), site, target)


def _describe(site: Site, holder: nn.Module, target: Target, recipe: Recipe, parameters: int) -> Change:
    notes, start = [], target.start(site)
    if site.settings.get("cap") and target.cap == "keep":
        notes.append(f"keeps the cap at {site.settings['cap']:g}")
    if site.aliased:
        notes.append("goes on writing over its input, because something else reads it there; that costs two copies")
    kept = [name for name, keeps in (("input", recipe.keep_input), ("output", recipe.keep_output)) if keeps]
    if kept:
        them, cost = ("them", "two copies") if len(kept) > 1 else ("it", "one copy")
        what = " and its ".join(kept)
        notes.append(f"keeps its {what}, because something else writes over {them}; that costs {cost} in training")
    if infinity := describe_infinity(recipe, site):
        notes.append(infinity)
    if site.training_only:
        notes.append("called in training mode only")
    if isinstance(holder, nn.TransformerEncoderLayer):
        start = "equal" if start == "exact" else start
        notes.append(
            "no longer takes PyTorch's fused path for evaluation, which has only ReLU and GELU, sums in another "
            "order, and returns zeros where a batch is padded"
        )
    return Change(
        site=site.name,
        was=site.kind,
        becomes=target.title,
        shape=site.shape,
        channels=site.channels,
        parameters=parameters,
        start=start,
        note="; ".join(notes),
    )
