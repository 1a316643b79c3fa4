"""What a plan warns of: starts that do not fit, swaps that multiply the parameters, and calls out of reach."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

from torch import Tensor, nn
from torch.nn.parameter import is_lazy
from torch.optim import Optimizer

from ..core.wording import listing
from ..watching.sites import Site
from ..watching.survey import Survey
from ..watching.unreached import find_unread
from .carry.freezing import Freeze
from .edits.absorb import AbsorbAffine, AbsorbOffset
from .edits.edit import Edit
from .edits.fold import Fold
from .edits.halve import Halve
from .edits.rescale import Rescale
from .edits.widen import Widen
from .planning.planned import Change
from .planning.target import Target

MANY = 0.5
"""The share of a model's parameters from which on added parameters are warned of."""


def warn_of_start(
    model: nn.Module,
    changes: Sequence[Change],
    target: Target,
    freeze: Freeze | None,
    optimizer: Optimizer | None = None,
) -> Iterator[str]:
    """Give the warnings of a plan, in words.

    Args:
        model: the model before the swap.
        changes: what is planned.
        target: what is put in, with its starts.
        freeze: what stays frozen after the swap.
        optimizer: the optimizer that trains the model, if it is known.
    """
    spec = target.spec
    if spec is None or not changes:
        return
    rectified = [change for change in changes if change.was in ("relu", "relu6") and change.start != "published"]
    if rectified and not spec.parameters and spec.relu_start == "exact" and spec.name != "relu":
        if not target.starting_options:
            yield (
                f"{spec.title} has nothing to learn, and with such a start it is ReLU and stays ReLU; "
                "start='published' puts in what its paper has"
            )
    elif rectified and spec.parameters and spec.relu_start != "none" and freeze is None:
        sign = sign_of_no_training(model, optimizer)
        if sign:
            yield (
                f"{type(model).__name__} seems untrained: {sign}. To train it from scratch, take "
                f"start='published', as the paper does; from ReLU, {spec.title} may hardly move"
            )
    added = sum(change.parameters for change in changes)
    present = sum(parameter.numel() for parameter in model.parameters() if not is_lazy(parameter))
    if spec.parameters and target.options.get("share", spec.share) == "element" and added >= MANY * present:
        yield (
            f"adds {added:,} parameters to {present:,}, which makes {_times(added, present)} as many, because every "
            "element has its own; share='channel' gives them to channels"
        )


def warn_of_layers(survey: Survey, edits: Sequence[Edit]) -> Iterator[str]:
    """Give the warning of layers that the example does not call, where those that it calls are adapted, in words.

    Args:
        survey: what the example shows of the model.
        edits: what is planned.
    """
    if not any(isinstance(edit, _ADAPTING) for edit in edits):
        return
    unread = find_unread(survey.traces)
    if unread:
        yield (
            f"{listing(unread, most=5)}: not called on the example, and not adapted to what changes in front; what "
            "they give may change. An example that calls them shows whether it does"
        )


_ADAPTING = (AbsorbAffine, AbsorbOffset, Fold, Halve, Rescale, Widen)
"""Edits of layers, which others may have to follow."""


def warn_of_calls(sites: Sequence[Site]) -> Iterator[str]:
    """Give the warnings of calls that a swap may not reach, in words.

    Args:
        sites: the sites that are changed, each with an activation of its own.
    """
    groups: dict[tuple[Any, ...], list[str]] = defaultdict(list)
    for site in sites:
        if site.held:
            yield (
                f"{site.name} is called by {listing(site.held)}, an attribute that is a function, not a method of its "
                "class: called without the forward around it, that calls what was there; make it a method"
            )
        if site.past:
            yield (
                f"{site.name} is called by a method of {site.past}, which {site.path or 'the model'} calls past that "
                "module's own call, and the code does not tell the call apart: when others call the method, it calls "
                "what was there"
            )
        elif site.written is not None and (site.place is None or site.place == site.written):
            groups[site.path, site.written.home, site.written.method, site.written.index].append(site.name)
    for names in groups.values():
        if len(names) > 1:
            yield (
                f"{listing(names)} are one line of code that the example runs {len(names)} times, each with parameters "
                "of its own; if it runs more often, the further times stay what they were; share_calls=True gives all "
                "of them the same"
            )


def _times(added: int, present: int) -> str:
    return f"{(added + present) / present:.3g} times" if present else "infinitely"


def sign_of_no_training(model: nn.Module, optimizer: Optimizer | None) -> str:
    """Return what shows that a model has not been trained, in words; empty if nothing does.

    Its norms do if all are as they were made: batch norms that have seen no batch, and layer and group norms whose
    weights are all 1 and biases all 0. An optimizer that has taken steps says that it was trained; one that has taken
    none counts for a model without norms.

    Example:
        >>> import torch
        >>> net = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
        >>> sign_of_no_training(net, None), net(torch.randn(4, 2)).shape[0], sign_of_no_training(net, None)
        ('its norms have seen no batch yet', 4, '')
    """
    if optimizer is not None and optimizer.state:
        return ""
    shown = [fresh for module in model.modules() if (fresh := _is_fresh(module)) is not None]
    if shown:
        return "its norms have seen no batch yet" if all(shown) else ""
    # Plain gradient descent keeps nothing from which steps could be told.
    keeps = optimizer is not None and optimizer.defaults.get("momentum", 1) != 0
    return "its optimizer has taken no step" if keeps else ""


def _is_fresh(module: Any) -> bool | None:
    """Return whether a norm is as it was made; None for what does not show it."""
    parts = [part for part in (getattr(module, "weight", None), getattr(module, "bias", None)) if part is not None]
    if any(not isinstance(part, Tensor) or is_lazy(part) or part.is_meta for part in parts):
        return None
    if isinstance(module, nn.modules.batchnorm._BatchNorm):
        count, mean = module.num_batches_tracked, module.running_mean
        if count is None or mean is None or count.is_meta:
            return None
        # Weights saved long ago have no count, but they have means.
        return int(count) == 0 and not mean.any()
    if isinstance(module, nn.LayerNorm | nn.GroupNorm) and len(parts) == 2:
        return bool((module.weight == 1).all() and (module.bias == 0).all())
    return None
