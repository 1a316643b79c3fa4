"""Finds the formula of a function that stays beside another: blended with it, or added to."""

from __future__ import annotations

import inspect
from typing import Any

import torch
from torch import Tensor

from ...watching.sites import Located
from ...watching.trace import Op, Value
from ..inserted.annealed import FORMULAS, OPTIONS


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
            there = compute(op, x.clone())
        except Exception:  # whatever a function of others raises on a grid
            return None
        for name in names:
            if name in FORMULAS and torch.allclose(FORMULAS[name](x, **options), there, rtol=0, atol=1e-6):
                return {"formula": name, "options": options}
    return None


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
