"""Sites whose inputs are infinite on the example: what a function makes of these, and what it should."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor, nn

from ...watching.sites import Site
from ..edits.recipe import Recipe
from .target import Target


def allow_infinite_inputs(recipe: Recipe, site: Site, target: Target) -> Recipe:
    """Return the recipe with a guard, if a function that starts near ReLU loses what ReLU gives at infinite inputs.

    Args:
        recipe: what to put in.
        site: where.
        target: what the user asked for.
    """
    if not (site.infinite and site.rectifies and target.begins_at_relu(site)) or target.doubles_channels:
        return recipe
    x, y = _at_infinity(recipe, site)
    return recipe if torch.equal(x.relu(), y) else replace(recipe, allow_infinite=True)


def describe_infinity(recipe: Recipe, site: Site) -> str:
    """Say what becomes of infinite inputs; empty if the example has none, or if they come out as numbers."""
    if not site.infinite:
        return ""
    if recipe.allow_infinite:
        return "gives what ReLU gave where its input is infinite, as on the example, in two to five times the time"
    return (
        "is not a number where its input is infinite, as on the example"
        if _at_infinity(recipe, site)[1].isnan().any()
        else ""
    )


def _at_infinity(recipe: Recipe, site: Site) -> tuple[Tensor, Tensor]:
    """Return infinite inputs of both signs, and what the function makes of them."""
    x = torch.full((2, *site.shape[1:]), torch.inf)
    x[1] = -torch.inf
    with torch.random.fork_rng(devices=()), torch.no_grad():
        module = replace(recipe, dtype="float32", cap=None, write_back=False).build(nn.Identity()).to("cpu").eval()
        return x, module(x)
