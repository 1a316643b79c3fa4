"""Plans the compensation of a gain: a function that starts like ReLU but steeper is followed by smaller weights.

Where a function has one slope g ≠ 1 at large positive inputs, such as 1 + σ(β) of AReLU, the weights of the layers that
read it are divided by g. The running statistics of a batch norm are scaled to those of the larger values instead, which
is right in training too, where it takes the gain away by itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace as altered

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd

from ...core.elementwise import Elementwise
from ...watching.sites import Site, reader_name
from ...watching.survey import Survey
from ...watching.trace import Op, Trace, Value
from ..edits.recipe import Recipe
from ..edits.rescale import Rescale
from .channels import ARITHMETIC, CASTS, CONCATENATIONS, DROPOUTS, REDUCTIONS, RESHAPES, SPATIAL, combination
from .follow import Blocked, Effect, argument, mark_traces, operands, own_layer, settle
from .planned import Planned
from .replace import plan_replacements
from .target import Target

HOMOGENEOUS = CASTS | DROPOUTS | SPATIAL | REDUCTIONS | RESHAPES
HOMOGENEOUS |= {"abs", "chunk", "getitem", "leaky_relu", "neg", "permute", "prelu", "relu", "rrelu", "split"}
HOMOGENEOUS |= {"transpose", "unflatten"}
"""Functions f with f(g·x) = g·f(x) for g > 0."""

INVARIANT = frozenset(["layer_norm", "group_norm", "instance_norm", "rms_norm", "normalize"])
"""Functions that take a gain away by themselves, but for their ε."""


def gain(recipe: Recipe, shape: Sequence[int]) -> float | None:
    """The slope of a recipe's function at large positive inputs, measured; None where it has not one.

    Args:
        recipe: makes the function.
        shape: of one sample, channels first.

    Example:
        >>> gain(Recipe("elu"), (1,)), gain(Recipe("tanh"), (1,))
        (1.0, None)
    """
    x = torch.tensor([64.0, 128.0, 256.0, 512.0], dtype=torch.float64)
    with torch.random.fork_rng(devices=()), torch.no_grad():
        module = recipe.build(nn.Identity()).double().eval()
        y = module(x.reshape(-1, *(1 for _ in shape)).expand(-1, *shape).contiguous())
    slopes = y.flatten(1).diff(dim=0) / x.diff().unsqueeze(1)
    slope = float(slopes[0, 0])
    return slope if slope > 0 and torch.allclose(slopes, slopes.new_tensor(slope), rtol=1e-9, atol=0) else None


def plan_compensation(survey: Survey, sites: Sequence[Site], target: Target) -> Planned:
    """Put `target` at each of `sites`, and compensate its gain in what reads them.

    Args:
        survey: what the example shows of the model.
        sites: those to change.
        target: what to put in.
    """
    replaced = plan_replacements(survey, sites, target)
    gains = {}
    for site in sites:
        measured = gain(target.recipe(site), _probe(site, target))
        if measured is not None and abs(measured - 1) > 1e-6:
            gains[site.index] = measured
    settled = settle(mark_traces(survey), Compensation(gains), list(gains))
    names = survey.trace.names
    edits = [Rescale(names[layer], demand.change) for layer, demand in settled.demands.items()]
    changes = []
    for change, site in zip(replaced.changes, sites, strict=True):
        if site.index in gains:
            readers = [names[layer] for layer, demand in settled.demands.items() if site.index in demand.sites]
            outcome = f"compensated in {', '.join(readers)}" if readers else "taken away by normalisation"
            if site.index in settled.reasons:
                outcome = f"not compensated: {settled.reasons[site.index]}"
            note = f"gain of {gains[site.index]:.4g} {outcome}"
            change = altered(change, note="; ".join(filter(None, (change.note, note))))
        changes.append(change)
    return Planned(changes, edits=[*replaced.edits, *edits])


def _probe(site: Site, target: Target) -> tuple[int, ...]:
    """Shape of a sample for `gain`: of one pixel, unless pixels have parameters of their own."""
    if target.recipe(site).settings.get("share") == "element":
        return site.shape[1:]
    channels = site.channel_dim % len(site.shape)
    return tuple(size if dim == channels else 1 for dim, size in enumerate(site.shape))[1:]


class Compensation:
    """The rule of a gain, for `follow.settle`.

    Args:
        gains: by site.
    """

    def __init__(self, gains: Mapping[int, float]) -> None:
        self.gains = gains

    def start(self, site: Site, op: Op, change: float | None) -> float:
        """The site's gain."""
        if change is not None:
            raise Blocked("one such activation reads the other's values")
        return self.gains[site.index]

    def follow(self, trace: Trace, op: Op, changes: Mapping[int, float]) -> Effect[float]:
        """What an op does to values that are too large."""
        name, given = op.name.strip("_"), next(iter(changes.values()))
        arithmetic = name.removeprefix("i").removeprefix("r")
        data = next(iter(changes))
        if any(isinstance(frame.module, Elementwise) for frame in op.stack) or hasattr(op.module, "spec"):
            raise Blocked(f"{reader_name(trace, op)} is not known to be homogeneous")
        if name.startswith(("conv", "linear")) and isinstance(op.module, (_ConvNd, nn.Linear)):
            return Effect(layer=own_layer(trace, op, (data,)), demand=given)
        if name == "batch_norm" and isinstance(op.module, _BatchNorm):
            layer = own_layer(trace, op, (data,))
            return Effect(layer=layer, demand=given) if op.module.running_mean is not None else Effect()
        if name in INVARIANT:
            return Effect()
        if arithmetic in ARITHMETIC:
            return Effect(_combine(trace, op, arithmetic, changes))
        if name in CONCATENATIONS:
            if len(set(changes.values())) > 1 or len(changes) < len(op.inputs):
                raise Blocked(f"{reader_name(trace, op)} concatenates values of different gains")
            return Effect(given)
        if name in HOMOGENEOUS or (name == "pad" and not argument(op, 3, "value")):
            return Effect(given)
        raise Blocked(f"{reader_name(trace, op)} reads it, and gives something else for larger values")


def _combine(trace: Trace, op: Op, name: str, changes: Mapping[int, float]) -> float:
    """Sums of values of the same gain; products and quotients of one such value by others."""
    value, given = next(iter(changes.items()))
    tensors = operands(op)
    if name in ("add", "sub", "subtract", "maximum", "minimum"):
        fits = len(tensors) == 2 and set(tensors) <= changes.keys() and len(set(changes.values())) == 1
    elif name in ("mul", "multiply"):
        fits = len(changes) == 1 and tensors.count(value) == 1
    else:
        fits = name != "pow" and tensors.count(value) == 1 and op.args[0] == Value(value) and len(changes) == 1
        fits = fits and not op.name.startswith("__r")
    if fits:
        return given
    raise Blocked(f"{combination(trace, op)} is of values of different gains")
