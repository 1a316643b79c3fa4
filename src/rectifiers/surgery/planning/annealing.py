"""Plans what is annealed: a blend where a function of others stands, parameters where one of this library does."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from functools import cache
from typing import Any

import torch
from torch import Tensor

from ...activations import registry
from ...core.elementwise import Elementwise
from ...watching.sites import Located, Site
from ...watching.survey import Survey
from ...watching.trace import Op, Value
from ..edits.recipe import Recipe
from ..inserted.annealed import FORMULAS, OPTIONS
from .planned import Change, Left, Planned
from .replace import make_edits

GATES = frozenset({"sigmoid", "tanh", "hardtanh", "softplus"})
"""What is annealed only if it is named, because it is a gate or a bound as often as an activation."""

SMOOTH = frozenset(FORMULAS) - GATES - {"gelu_tanh"}
"""Functions of others that are annealed if nothing else is asked for."""


@cache
def learned() -> frozenset[str]:
    """Return the names of this library's functions whose parameters can come to ReLU."""
    specs = [registry.get(name).spec for name in registry.names()]
    return frozenset(
        spec.name
        for spec in specs
        if spec.parameters and spec.relu_start == "exact" and spec.kind == "elementwise"
        if spec.channel_factor == (1, 1)
    )


def plan_annealing(survey: Survey, sites: Sequence[Site], to: str) -> tuple[Planned, list[Elementwise]]:
    """Plan to put blends in place of some functions; return the functions, too, whose parameters go to ReLU.

    Args:
        survey: what the example shows of the model.
        sites: the sites to anneal.
        to: the rectifier.
    """
    located = {one.site.index: one for one in survey.located}
    recipes, changes, left, targets = {}, [], [], []
    for site in sites:
        module = located[site.index].ops[0].module
        reason = ""
        if isinstance(module, Elementwise) and module.spec.parameters:
            if site.kind not in learned() or to != "relu":
                reason = f"{module.spec.title} does not come to {to} by its parameters alone"
            elif any(parameter.relu is None for parameter in module.spec.parameters):
                reason = f"{module.spec.title} has parameters without a value for ReLU"
            else:
                targets.append(module)
                continue
        found = None if reason else describe(located[site.index])
        if found is None:
            left.append(Left(site.name, site.kind, reason or "what it computes is not known well enough to be blended"))
            continue
        recipes[site.index] = Recipe(
            activation=to,
            dtype=str(site.dtype).removeprefix("torch."),
            near=site.near,
            channels=site.channels,
            write_back=site.aliased,
            keep_input=site.input_overwritten and not site.aliased,
            keep_output=site.output_overwritten and not site.aliased,
            annealed_from=found,
        )
        changes.append(
            Change(
                site=site.name,
                was=site.kind,
                becomes=f"{found['formula']} → {to}",
                shape=site.shape,
                channels=site.channels,
                parameters=0,
                start="exact",
            )
        )
    edits = make_edits([site for site in sites if site.index in recipes], survey.sites, recipes)
    return Planned(changes, left, edits), list(dict.fromkeys(targets))


def describe(located: Located) -> dict[str, Any] | None:
    """Return the name in `FORMULAS` of what a site computes, and the numbers that it takes; None if it is not there.

    What is found is compared with the site's own function on a grid.
    """
    op, kind = located.ops[0], located.site.kind
    options = {}
    for position, name in enumerate(OPTIONS.get(kind, ()), start=1):
        value = op.args[position] if len(op.args) > position else op.kwargs.get(name)
        if isinstance(value, (int, float)):
            options[name] = float(value)
    names = ("gelu", "gelu_tanh") if kind == "gelu" else (kind,)
    x = torch.linspace(-9, 9, 361, dtype=torch.float64)
    with torch.no_grad():
        try:
            there = _compute(op, x.clone())
        except Exception:  # whatever a function of others raises on a grid
            return None
        for name in names:
            if name in FORMULAS and torch.allclose(FORMULAS[name](x, **options), there, rtol=0, atol=1e-6):
                return {"formula": name, "options": options}
    return None


def _compute(op: Op, x: Tensor) -> Tensor:
    """Compute what an op does on other values."""
    if inspect.isclass(op.func):
        y: Tensor = op.module.forward(x)
        return y
    rest = [*op.args[1:], *(value for name, value in op.kwargs.items() if name != "input")]
    if any(isinstance(value, Value) for value in rest):
        raise ValueError("it reads other values too")
    kwargs = {name: value for name, value in op.kwargs.items() if name != "input"}
    made: Tensor = op.func(x, *op.args[1:], **kwargs)
    return made
