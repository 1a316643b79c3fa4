"""Plans replacements whose gain is compensated: a function steeper than ReLU is followed by smaller weights.

The gain g of a function is its slope at large positive inputs, such as 1 + σ(β) of AReLU. If it is not 1, the weights
of the layers that read the function's values are divided by g. The running statistics of a batch norm are scaled to
those of the larger values instead; in training mode, a batch norm takes the gain away by itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace as replace_fields

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
from .follow import Blocked, Effect, argument, follow_sites, mark_traces, operands, own_layer
from .planned import Planned
from .replace import plan_replacements
from .target import Target

HOMOGENEOUS = CASTS | DROPOUTS | SPATIAL | REDUCTIONS | RESHAPES
HOMOGENEOUS |= {"abs", "chunk", "getitem", "leaky_relu", "neg", "permute", "prelu", "relu", "rrelu", "split"}
HOMOGENEOUS |= {"transpose", "unflatten"}
"""Functions f with f(g·x) = g·f(x) for g > 0."""

INVARIANT = frozenset(["layer_norm", "group_norm", "instance_norm", "rms_norm", "normalize"])
"""Functions that take a gain away by themselves, up to their ε."""


def measure_gain(recipe: Recipe, shape: Sequence[int]) -> float | None:
    """Measure the slope of a recipe's function at large positive inputs; None if there is not one positive slope.

    Args:
        recipe: makes the function.
        shape: shape of one sample, channels first.

    Example:
        >>> measure_gain(Recipe("elu"), (1,)), measure_gain(Recipe("tanh"), (1,))
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
    """Plan to put `target` at each of `sites`, and to compensate its gain in the layers that read them.

    Args:
        survey: what the example shows of the model.
        sites: the sites to change.
        target: what to put in.
    """
    replaced = plan_replacements(survey, sites, target)
    gains = {}
    left = {one.site for one in replaced.left}
    sites = [site for site in sites if site.name not in left]
    for site in sites:
        gain = measure_gain(*_sample(site, target))
        if gain is not None and abs(gain - 1) > 1e-6:
            gains[site.index] = gain
    outcome = follow_sites(mark_traces(survey), Compensation(gains), list(gains))
    names = survey.trace.names
    edits = [Rescale(names[layer], demand.input) for layer, demand in outcome.demands.items()]
    changes = []
    for change, site in zip(replaced.changes, sites, strict=True):
        if site.index in gains:
            readers = [names[layer] for layer, demand in outcome.demands.items() if site.index in demand.sites]
            what = f"compensated in {', '.join(readers)}" if readers else "taken away by normalisation"
            if site.index in outcome.reasons:
                what = f"not compensated: {outcome.reasons[site.index]}"
            note = f"gain of {gains[site.index]:.4g} {what}"
            change = replace_fields(change, note="; ".join(filter(None, (change.note, note))))
        changes.append(change)
    return Planned(changes, replaced.left, [*replaced.edits, *edits])


def _sample(site: Site, target: Target) -> tuple[Recipe, tuple[int, ...]]:
    """Return what to measure the gain of, on which shape: on one pixel, unless pixels have parameters of their own."""
    recipe = target.recipe(site)
    if isinstance(recipe.settings.get("channels"), list):
        return recipe, site.shape[1:]
    channels = None if site.channel_dim is None else site.channel_dim % len(site.shape)
    if channels == 0:
        # The samples take the place of the channels, which go behind them.
        return replace_fields(recipe, settings={**recipe.settings, "channel_dim": 1}), (site.channels,)
    return recipe, tuple(size if dim == channels else 1 for dim, size in enumerate(site.shape))[1:]


class Compensation:
    """The rule of values that are larger by a gain, for `follow_sites`.

    Args:
        gains: gains of the new activations, by index of the site.
    """

    def __init__(self, gains: Mapping[int, float]) -> None:
        self.gains = gains

    def start(self, site: Site, op: Op, given: float | None) -> float:
        """Return the site's gain."""
        if given is not None:
            raise Blocked("it reads the values of another activation with a gain")
        return self.gains[site.index]

    def follow(self, trace: Trace, op: Op, given: Mapping[int, float]) -> Effect[float]:
        """Return what an op makes of values that are larger by a gain."""
        name = op.name.strip("_")
        data, gain = next(iter(given.items()))
        arithmetic = name.removeprefix("i").removeprefix("r")
        if any(isinstance(frame.module, Elementwise) for frame in op.stack) or hasattr(op.module, "spec"):
            raise Blocked(f"{reader_name(trace, op)} is not known to be homogeneous")
        if name.startswith(("conv", "linear")) and isinstance(op.module, (_ConvNd, nn.Linear)):
            return Effect(layer=own_layer(trace, op, (data,)), input=gain)
        if name == "batch_norm" and isinstance(op.module, _BatchNorm):
            layer = own_layer(trace, op, (data,))
            return Effect(layer=layer, input=gain) if op.module.running_mean is not None else Effect()
        if name in INVARIANT:
            return Effect()
        if arithmetic in ARITHMETIC:
            return Effect(_combine(trace, op, arithmetic, given))
        if name in CONCATENATIONS:
            if len(set(given.values())) > 1 or len(given) < len(op.inputs):
                raise Blocked(f"{reader_name(trace, op)} concatenates values with different gains")
            return Effect(gain)
        if name in HOMOGENEOUS or (name == "pad" and not argument(op, 3, "value")):
            return Effect(gain)
        raise Blocked(f"{reader_name(trace, op)} reads it, and its result does not scale with its input")


def _combine(trace: Trace, op: Op, name: str, given: Mapping[int, float]) -> float:
    """Follow a gain through a sum of values that all have it, or a product or quotient of one of them by others."""
    value, gain = next(iter(given.items()))
    tensors = operands(op)
    if name in ("add", "sub", "subtract", "maximum", "minimum"):
        fits = len(tensors) == 2 and set(tensors) <= given.keys() and len(set(given.values())) == 1
    elif name in ("mul", "multiply"):
        fits = len(given) == 1 and tensors.count(value) == 1
    else:
        fits = name != "pow" and tensors.count(value) == 1 and op.args[0] == Value(value) and len(given) == 1
        fits = fits and not op.name.startswith("__r")
    if fits:
        return gain
    raise Blocked(f"{combination(trace, op)} is of values with different gains")
