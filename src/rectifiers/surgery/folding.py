"""Folding: learned rectifiers become plain ones, and what they learned goes into the layers around them."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from ..core.errors import ConfigError, UnsupportedError
from ..watching import Survey, survey_model
from ..watching.example import Example, read_example
from ..watching.observer import trace_sites
from ..watching.preserve import evaluate
from ..watching.wrappers import unwrap
from .check import compare_outputs
from .plan import SwapPlan
from .planning.folding import plan_folding
from .reached import all_reached
from .swap import SwapReport
from .warnings import warn_of_layers

FAR, FARTHEST = 1e3, 0.25
"""Beyond these differences of the outputs a fold is taken back: in roundings of their dtype, and of the largest."""


def plan_fold(model: nn.Module, example: Example) -> SwapPlan:
    """Plan what `fold` would do with the same arguments; nothing is changed.

    Raises:
        ConfigError: the model has none of this library's functions.
        UnsupportedError: the model is of a kind that cannot be changed, or has no numbers, as on the meta device.
    """
    inner = unwrap(model)
    return _require_functions(_plan(_survey(inner, *read_example(inner, example))))


def fold(model: nn.Module, example: Example) -> SwapReport:
    """Turn learned rectifiers into PyTorch's plain ones, in place, with the same outputs in evaluation mode.

    What a function has beyond ReLU moves into the layers around it, where that is exact: a gain and a threshold into
    the layer before, an offset into those after. So max(x, θ) = θ + relu(x − θ) becomes ReLU, with θ in two biases;
    AReLU becomes LeakyReLU, and its slope above zero a factor of weights; functions that have come to ReLU become ReLU.
    Functions that have no such form, or whose surroundings do not allow it, stay; the report says which, and why.

    Args:
        model: any module; it is changed in place.
        example: what the model is called with, as for `rectifiers.swap`.

    Returns:
        What was folded, what was left and why, and how the outputs on the example differ. It can be reverted, and the
        model saved and loaded, as after a swap.

    Raises:
        ConfigError: the model has none of this library's functions.
        UnsupportedError: the model is of a kind that cannot be changed, has no numbers, as on the meta device, or its
            outputs would change, which is undone.

    Example:
        >>> import rectifiers
        >>> net = nn.Sequential(nn.Linear(2, 3), rectifiers.AdaReLU(0.5, share="layer"), nn.Linear(3, 1))
        >>> report = fold(net, torch.randn(4, 2))
        >>> print(report.plan)
        site  was      becomes  shape  channels  parameters  start
        1     adarelu  ReLU     4×3    3         -1          equal
        1: threshold into 0, offset into 2
        Sequential: 1 site → plain rectifiers, -1 parameters
        >>> net[1]
        ReLU()
    """
    return _fold(model, example, required=True)


def fold_if_any(model: nn.Module, example: Example) -> SwapReport:
    """Fold as `fold` does a model that may have none of this library's functions, and then stays as it is."""
    return _fold(model, example, required=False)


def _fold(model: nn.Module, example: Example, *, required: bool) -> SwapReport:
    inner = unwrap(model)
    args, kwargs = read_example(inner, example)
    survey = _survey(inner, args, kwargs)
    plan = _plan(survey)
    if required:
        _require_functions(plan)
    before = evaluate(inner, args, kwargs)
    applied = plan.apply(model)
    try:
        with all_reached(inner, survey.located, survey.trace.names, lambda: trace_sites(inner, args, kwargs)):
            after = evaluate(inner, args, kwargs)
        check = compare_outputs(before, after)
        if check is not None and check.difference > min(FAR * _rounding(survey), FARTHEST):
            raise UnsupportedError(
                f"the outputs of {plan.model} would differ by {check.difference:.2g} of the largest, and the fold was "
                "taken back; please report this model"
            )
    except BaseException:
        applied.revert()
        raise
    return SwapReport(applied, check)


def _survey(model: nn.Module, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Survey:
    survey = survey_model(model, args, kwargs)
    _require_numbers(model)
    return survey


def _plan(survey: Survey) -> SwapPlan:
    planned = plan_folding(survey)
    return SwapPlan(
        type(survey.model).__name__,
        "plain rectifiers",
        tuple(planned.changes),
        tuple(planned.left),
        tuple(planned.edits),
        (*survey.notes, *warn_of_layers(survey, planned.edits)),
    )


def _require_functions(plan: SwapPlan) -> SwapPlan:
    if not plan.changes and not plan.left:
        raise ConfigError(f"{plan.model} has none of this library's functions, and nothing to fold")
    return plan


def _require_numbers(model: nn.Module) -> None:
    """Make sure that all parameters and buffers have numbers, on which it depends what can be folded."""
    for name, tensor in itertools.chain(model.named_parameters(), model.named_buffers()):
        if tensor.is_meta:
            raise UnsupportedError(f"{name} is on the meta device, and has no numbers to fold; load the weights first")


def _rounding(survey: Survey) -> float:
    """Return the rounding of the narrowest dtype in which a model computes, whatever that of its outputs is."""
    dtypes = {dtype for dtype in survey.trace.dtypes.values() if dtype.is_floating_point}
    return max((torch.finfo(dtype).eps for dtype in dtypes), default=0.0)
