"""Finds the formula of a function that stays beside another: blended with it, or added to."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from ...core.wording import listing
from ...watching.sites import Located
from ...watching.trace import Op, Value
from ..inserted.annealed import FORMULAS, OPTIONS


def describe(located: Located) -> dict[str, Any] | None:
    """Return the name in `FORMULAS` of what a site computes, and the numbers that it takes; None if it is not there.

    What is found is compared with the site's own function on a grid, in each of its calls: one that is given another
    slope each time is none of them.
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
            there = [compute(one, x.clone()) for one in located.ops]
        except Exception:  # whatever a function of others raises on a grid
            return None
        for name in names:
            if name not in FORMULAS:
                continue
            found = FORMULAS[name](x, **options)
            if all(torch.allclose(found, one, rtol=0, atol=1e-6) for one in there):
                return {"formula": name, "options": options}
    return None


def describe_fixed(formula: Mapping[str, Any]) -> str:
    """Say which numbers of a function that stays are fixed, for what is put in is not given them; empty if none are.

    Args:
        formula: what `describe` found.
    """
    numbers = [f"{name}={value:g}" for name, value in formula.get("options", {}).items()]
    return f"{formula['formula']} keeps {listing(numbers)}, even if the model changes that later" if numbers else ""


def compute(op: Op, x: Tensor) -> Tensor:
    """Compute what an op does on other values."""
    if inspect.isclass(op.func):
        y: Tensor = op.module.forward(x)
        return y
    rest = [*op.args[1:], *(value for name, value in op.kwargs.items() if name not in ("input", "self"))]
    if any(isinstance(value, Value) for value in rest):
        raise ValueError("it reads other values too")
    kwargs = {name: value for name, value in op.kwargs.items() if name not in ("input", "self")}
    made: Tensor = op.func(x, *op.args[1:], **kwargs)
    return made
