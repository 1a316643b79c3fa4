"""Plans what is annealed: a blend where a function of others stands, parameters where one of this library does."""

from __future__ import annotations

from collections.abc import Sequence

from ...activations import registry
from ...core.elementwise import Elementwise
from ...watching.sites import Site
from ...watching.survey import Survey
from ..edits.recipe import Recipe
from ..inserted.added import Added
from ..inserted.annealed import FORMULAS
from ..unreachable import in_fixed_class
from .formulas import describe, describe_fixed
from .planned import Change, Left, Planned
from .replace import make_edits

GATES = frozenset({"sigmoid", "tanh", "hardtanh", "softplus"})
"""What is annealed only if it is named, because it is a gate or a bound as often as an activation."""

SMOOTH = frozenset(FORMULAS) - GATES - {"gelu_tanh"}
"""Functions of others that are annealed if nothing else is asked for."""


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
    located, learning = {one.site.index: one for one in survey.located}, learned()
    recipes, changes, left, targets = {}, [], [], []
    for site in sites:
        module = located[site.index].ops[0].module
        reason = f"it is {to} already" if site.kind == to else in_fixed_class(survey.model, site)
        if isinstance(module, Elementwise) and module.spec.parameters:
            if isinstance(module, Added):
                reason = f"{module.spec.title} is added to {module.formula} here, which its parameters do not change"
            elif site.kind not in learning or to != "relu":
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
            annealed_from={**found, "infinite": True} if site.infinite else found,
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
                note=describe_fixed(found),
            )
        )
    edits = make_edits([site for site in sites if site.index in recipes], survey.sites, recipes)
    return Planned(changes, left, edits), list(dict.fromkeys(targets))
