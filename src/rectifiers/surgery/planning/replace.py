"""Plans functions that keep the channels: an activation of its own for every selected site."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import nn

from ...core.errors import UnsupportedError
from ...core.wording import listing
from ...watching.places import EVERY
from ...watching.sites import Site
from ...watching.survey import Survey
from ..edits.calls import Distribute, Intercept
from ..edits.edit import Edit
from ..edits.recipe import Recipe
from ..edits.replace import Replace
from .formulas import describe, describe_fixed
from .infinity import allow_infinite_inputs, describe_infinity
from .keep import keep_what_is_saved
from .planned import Change, Left, Planned
from .sharing import share_channels, share_recipes
from .target import Target
from .units import channel_obstacle, find_shapes, shape_obstacle


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
    shapes = find_shapes(survey, target)
    obstacles = {
        site.index: channel_obstacle(site, target) or shape_obstacle(shapes[site.index], site, target) for site in sites
    }
    if target.share_calls and target.needs_channels:
        known, apart = share_channels([site for site in sites if not obstacles[site.index]])
        obstacles |= apart
        sites = sorted([*known, *(site for site in sites if site.channel_dim is None)], key=lambda site: site.index)
    left = [Left(site.name, site.kind, obstacles[site.index]) for site in sites if obstacles[site.index]]
    sites = [site for site in sites if not obstacles[site.index]]
    recipes = {site.index: _make_recipe(site, target) for site in sites}
    if target.begin == "added":
        stays = _find_what_stays(survey, sites)
        left += [Left(site.name, site.kind, _UNKNOWN) for site in sites if site.index not in stays]
        sites = [site for site in sites if site.index in stays]
        recipes = {site.index: replace(recipes[site.index], added_to=stays[site.index]) for site in sites}
    if target.share_calls:
        recipes = share_recipes(sites, recipes)
    changes, counted = [], set()
    # Many sites get the same function with the same options, and building it takes time.
    sizes: dict[str, int] = {}
    for site in sites:
        shared = target.share_calls and (site.call == "function", site.aliases) in counted
        counted.add((site.call == "function", site.aliases))
        recipe = recipes[site.index]
        key = repr((recipe.activation, recipe.settings, recipe.channels, recipe.shape))
        sizes[key] = sizes[key] if key in sizes else count_parameters(recipe)
        parameters = 0 if shared else sizes[key]
        holder = survey.model.get_submodule(site.path if site.call == "function" else site.path.rpartition(".")[0])
        changes.append(_describe(site, holder, target, recipes[site.index], parameters))
    edits = make_edits(sites, survey.sites, recipes, share_calls=target.share_calls)
    return Planned(changes, left, edits)


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
    whole: dict[tuple[str, ...], list[Site]] = defaultdict(list)
    for (call, path), members in groups.items():
        numbered = {site.number: recipes[site.index] for site in members}
        calls = sum(site.call == call and site.path == path for site in all_sites)
        if call == "module" or (call == "reused" and share_calls and len(members) == calls):
            # One activation under several names goes to all of them, if its calls are to share it.
            whole[members[0].aliases if share_calls else members[0].paths].append(members[0])
        elif call == "reused":
            same = [site for site in all_sites if site.call == call and site.path == path]
            places = {site.number: site.place for site in same if site.place is not None}
            known = {(place.home, place.method, place.index) for place in places.values()}
            elsewhere = tuple(
                place for place in members[0].elsewhere if (place.home, place.method, place.index) not in known
            )
            edits.append(Distribute(members[0].paths, members[0].scope, numbered, share_calls, places, elsewhere))
        else:
            same = [site for site in all_sites if site.call == call and site.path == path]
            edits += _intercept(path, members, same, numbered, share_calls)
    for sites_of_one in whole.values():
        paths = tuple(path for site in sites_of_one for path in site.paths)
        edits.append(Replace(paths, recipes[sites_of_one[0].index]))
    return edits


def _intercept(
    path: str,
    sites: Sequence[Site],
    same: Sequence[Site],
    recipes: Mapping[int, Recipe | None],
    share_calls: bool,
) -> list[Edit]:
    """Make the edits for functions that one module calls: those with a place in its code, and the others.

    Args:
        path: path of the module.
        sites: the sites to change.
        same: all sites of functions that the module calls.
        recipes: what to put at a site, by its number.
        share_calls: whether the calls share an activation.
    """
    places = {site.number: site.place for site in sites if site.place is not None}
    written = {site.number: replace(site.written, time=EVERY) for site in same if site.written is not None}
    here = {number: place for number, place in written.items() if number in recipes}
    others_there = {place for number, place in written.items() if number not in recipes}
    if share_calls and here.keys() == recipes.keys() and others_there.isdisjoint(here.values()):
        # Calls that share an activation need not be told apart, nor counted where a loop runs more often.
        return [Intercept(path, recipes, share_calls, here)]
    through = tuple(sorted({method for site in sites for method in site.through}))
    kinds = {site.number: site.kind for site in sites if site.kind not in _TOLD_BY_CONTEXT}
    recomputed = [site.name for site in sites if site.recomputed]
    if recomputed:
        raise UnsupportedError(
            f"{listing(recomputed)}: the code does not tell {'this call' if len(recomputed) == 1 else 'these calls'} "
            "apart, and activation checkpointing repeats it without the module around it, where it cannot be counted; "
            "make each activation a module of its own before the swap, or checkpoint a whole module"
        )
    others = {number: recipe for number, recipe in recipes.items() if number not in places}
    if not others:
        return [Intercept(path, recipes, share_calls, places, through, kinds)]
    if share_calls or not places:
        return [Intercept(path, recipes, share_calls, {}, through, kinds)]
    placed = {number: recipe for number, recipe in recipes.items() if number in places}
    kinds = {number: kind for number, kind in kinds.items() if number in others}
    return [Intercept(path, placed, share_calls, places), Intercept(path, others, share_calls, {}, through, kinds)]


_TOLD_BY_CONTEXT = ("clamp", "hardsigmoid")
"""Kinds that a call alone does not tell."""


_UNKNOWN = (
    "start='added' keeps what is there and adds to it, but what this computes is none of the functions that can be "
    "kept; start='was' fits to anything, and a ReLU needs neither"
)


def _find_what_stays(survey: Survey, sites: Sequence[Site]) -> dict[int, dict[str, Any]]:
    """Find the formulas of the functions at `sites`, by index, where these are known."""
    located = {one.site.index: one for one in survey.located}
    found = {site.index: describe(located[site.index]) for site in sites}
    return {index: formula for index, formula in found.items() if formula is not None}


def _make_recipe(site: Site, target: Target) -> Recipe:
    return allow_infinite_inputs(keep_what_is_saved(target.recipe(site), site), site, target)


def _describe(site: Site, holder: nn.Module, target: Target, recipe: Recipe, parameters: int) -> Change:
    notes, start, begun = [], target.start(site), target.starts.get(site.index)
    if begun is not None and begun.note:
        notes.append(begun.note)
    if site.settings.get("cap") and target.cap == "keep":
        notes.append(f"keeps the cap at {site.settings['cap']:g}")
    if fixed := describe_fixed(recipe.added_to):
        notes.append(fixed)
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
    if site.evaluation_only:
        notes.append("called in evaluation mode only, so that training does not reach it")
    if isinstance(holder, nn.TransformerEncoderLayer):
        start = "equal" if start == "exact" else start
        notes.append(
            "no longer takes PyTorch's fused path for evaluation, which has only ReLU and GELU, sums in another "
            "order, and returns zeros where a batch is padded"
        )
    return Change(
        site=site.name,
        was=site.kind,
        becomes=f"{recipe.added_to['formula']} + {target.title}" if recipe.added_to else target.title,
        shape=site.shape,
        channels=site.channels,
        parameters=parameters,
        start=start,
        note="; ".join(notes),
        error=None if begun is None else begun.error,
    )
