"""Plans elementwise functions: a module for every selected site, at its place."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

import torch
from torch import nn

from ..activations import registry
from ..core.errors import UnknownNameError
from .changes import Change, Start
from .edits import Distribute, Edit, Intercept, Replace
from .recipe import Factory, Recipe
from .sites import Site

Cap = Literal["keep", "drop"]


@dataclass(frozen=True)
class Target:
    """What to put in.

    Args:
        activation: registered name, or a function that makes a module for a number of channels.
        settings: arguments of the registered class.
        relu_like: start at ReLU, or as near as the function comes.
        cap: what becomes of the upper bound of a ReLU6.
        share_calls: one activation for all calls of a module, instead of one for each.

    Raises:
        UnknownNameError: no such `cap`.
    """

    activation: str | Factory
    settings: Mapping[str, Any] = field(default_factory=dict)
    relu_like: bool = True
    cap: Cap = "keep"
    share_calls: bool = False

    def __post_init__(self) -> None:
        if self.cap not in get_args(Cap):
            raise UnknownNameError("cap", str(self.cap), get_args(Cap))

    @property
    def title(self) -> str:
        """Name as the paper prints it."""
        if self.activation == "convrelu":
            return "ConvReLU"
        if isinstance(self.activation, str):
            return str(registry.get(self.activation).spec.title)
        return getattr(self.activation, "__name__", type(self.activation).__name__)

    def recipe(self, site: Site) -> Recipe:
        """The activation for one site."""
        settings = dict(self.settings)
        if isinstance(self.activation, str):
            spec = registry.get(self.activation).spec
            if self.relu_like and spec.relu_start != "none":
                settings.setdefault("relu_like", True)
            share = settings.get("share", spec.share)
            if spec.parameters and share != "layer":
                settings["channels"] = site.channels if share == "channel" else list(site.shape[1:])
            if site.channel_dim != 1:
                settings.setdefault("channel_dim", site.channel_dim)
        cap = site.settings.get("cap") if self.cap == "keep" else None
        return Recipe(
            activation=self.activation,
            settings=settings,
            channels=site.channels,
            dtype=str(site.dtype).removeprefix("torch."),
            near=site.near,
            cap=cap,
            write_back=site.aliased,
            shape=() if isinstance(self.activation, str) else site.shape,
        )

    def start(self, site: Site) -> Start:
        """How the function starts, compared with what is there."""
        if not isinstance(self.activation, str) or not self.relu_like:
            return "other"
        start = registry.get(self.activation).spec.relu_start
        if start == "none" or site.kind not in ("relu", "relu6"):
            return "other"
        dropped = site.kind == "relu6" and self.cap == "drop"
        return "exact" if start == "exact" and not dropped else "near"


def count(recipe: Recipe) -> int:
    """How many parameters the activation of a recipe has."""
    with torch.device("meta"):
        return sum(parameter.numel() for parameter in recipe.build(nn.Identity()).parameters())


def plan_replacements(
    sites: Sequence[Site], everywhere: Sequence[Site], target: Target
) -> tuple[list[Change], list[Edit]]:
    """Changes and edits that put `target` at each of `sites`.

    Args:
        sites: those to change.
        everywhere: all sites of the model.
        target: what to put in.
    """
    recipes = {site.index: target.recipe(site) for site in sites}
    changes, paid = [], set()
    for site in sites:
        shared = target.share_calls and (site.call, site.path) in paid
        paid.add((site.call, site.path))
        parameters = 0 if shared else count(recipes[site.index])
        changes.append(_describe(site, target, parameters))
    return changes, edits_for(sites, everywhere, recipes, share_calls=target.share_calls)


def edits_for(
    sites: Sequence[Site],
    everywhere: Sequence[Site],
    recipes: Mapping[int, Recipe | None],
    *,
    share_calls: bool = False,
) -> list[Edit]:
    """Edits that put a recipe, or nothing, at each of `sites`.

    Args:
        sites: those to change.
        everywhere: all sites of the model.
        recipes: by the site's index.
        share_calls: whether the calls of a module share an activation.
    """
    edits: list[Edit] = []
    groups: dict[tuple[str, str], list[Site]] = defaultdict(list)
    for site in sites:
        groups[site.call, site.path].append(site)
    for (call, path), members in groups.items():
        numbered = {site.number: recipes[site.index] for site in members}
        calls = sum(site.call == call and site.path == path for site in everywhere)
        if call == "module" or (call == "reused" and share_calls and len(members) == calls):
            edits.append(Replace(members[0].paths, recipes[members[0].index]))
        elif call == "reused":
            edits.append(Distribute(members[0].paths, members[0].scope, numbered, share_calls))
        else:
            edits.append(Intercept(path, numbered, share_calls))
    return edits


def _describe(site: Site, target: Target, parameters: int) -> Change:
    notes = []
    if site.settings.get("cap") and target.cap == "keep":
        notes.append(f"keeps the cap at {site.settings['cap']:g}")
    if site.aliased:
        notes.append("writes over its input as before, because something reads it there; costs two copies")
    if site.training_only:
        notes.append("runs in training mode only")
    return Change(
        site=site.name,
        was=site.kind,
        becomes=target.title,
        shape=site.shape,
        channels=site.channels,
        parameters=parameters,
        start=target.start(site),
        note="; ".join(notes),
    )
