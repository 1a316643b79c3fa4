"""What activations get and give while a model runs: a sample of the values at each site."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

import torch
from torch import Tensor, nn
from torch._C._functorch import get_unwrapped, is_functorch_wrapped_tensor

from ...core.errors import RectifiersError
from ...core.fitting import Points
from ...watching.feeding import Feed
from ...watching.observer import Observer, SiteCall
from ...watching.preserve import evaluate, evaluation
from ...watching.sites import Site

MOST = 16384
"""How many values of one call are kept."""
BATCHES = 8
"""How many batches of a loader are looked at."""
QUANTILES, GRID = 513, 129
"""How many values stand for those that were seen, and for the range around them."""
REACH = 3.0
"""The range around the values reaches this far on both sides of zero, at least."""
FEW, LEAST = 32, 1e-4
"""With so few values, the range around them counts as much as they do; with more, ever less, down to the least."""

Function = Callable[[Tensor], Tensor]


@dataclass
class Seen:
    """Values at a site.

    Args:
        function: applies the activation that is there; None before it was called.
        inputs: values that it got, in float64.
        outputs: what it made of them.
    """

    function: Function | None = None
    inputs: list[Tensor] = field(default_factory=list)
    outputs: list[Tensor] = field(default_factory=list)

    def add(self, call: SiteCall, y: Tensor) -> None:
        """Keep a sample of the values of a call, with the least and the greatest."""
        x, y = (_plain(values).reshape(-1) for values in (call.x, y.detach()))
        if x.is_meta or not x.is_floating_point() or not len(x) or y.numel() != len(x):
            return
        ranks = torch.linspace(0, len(x) - 1, min(len(x), MOST), dtype=torch.float64, device="cpu").long().to(x.device)
        ranks = torch.cat((ranks, x.argmin()[None], x.argmax()[None]))
        self.function = call.repeat
        self.inputs.append(x[ranks].double().cpu())
        self.outputs.append(y[ranks].double().cpu())

    def points(self) -> tuple[Points, Tensor] | None:
        """Return points that stand for the values, for a fit, and the part of their inputs that was seen.

        The function itself gives their values, in float64; where it cannot, those that were seen do. Around the values,
        a range in which the function should stay near is part of the points, with little weight.
        """
        if not self.inputs:
            return None
        x, y = torch.cat(self.inputs), torch.cat(self.outputs)
        order = x.argsort(stable=True)
        order = order[x[order].isfinite() & y[order].isfinite()]
        if not len(order):
            return None
        ranks, weight = _pick(len(order))
        x, y = x[order[ranks]], y[order[ranks]]
        margin = float(x[-1] - x[0]) / 4
        grid = torch.linspace(
            min(float(x[0]) - margin, -REACH), max(float(x[-1]) + margin, REACH), GRID, dtype=torch.float64
        )
        around = torch.full_like(grid, max(LEAST, min(1.0, FEW / len(order)) ** 2) / GRID)
        whole = None if self.function is None else call_on(self.function, torch.cat((x, grid)))
        if whole is None:
            return Points(x, y, weight), x
        # Far out, where values are large, errors are too; they shall not outweigh those where the values are.
        inner, outer = (weight * y.square()).sum(), whole[len(x) :].square().mean()
        around *= (inner / outer).clamp(max=1) if outer.isfinite() and outer > 0 else 1
        points = torch.cat((x, grid)), whole, torch.cat((weight, around))
        kept = whole.isfinite().nonzero()[:, 0]
        kept = kept[points[0][kept].argsort(stable=True)]
        return Points(*(part[kept] for part in points)), x


def _plain(values: Tensor) -> Tensor:
    """Return all values of a tensor that is nested, or one row of a batch within `torch.func.vmap`, as a plain one."""
    while is_functorch_wrapped_tensor(values):
        values = get_unwrapped(values)
    return torch.cat([part.reshape(-1) for part in values.unbind()]) if values.is_nested else values


def _pick(count: int) -> tuple[Tensor, Tensor]:
    """Return ranks of values that stand for `count` sorted ones, denser towards both ends, and their weights."""
    if count <= QUANTILES:
        return torch.arange(count), torch.full((count,), 1 / count, dtype=torch.float64)
    angle = torch.pi * (torch.arange(QUANTILES, dtype=torch.float64) + 0.5) / QUANTILES
    weight = angle.sin()
    return ((1 - angle.cos()) / 2 * (count - 1)).round().long(), weight / weight.sum()


def call_on(function: Function, x: Tensor) -> Tensor | None:
    """Return what a function makes of a row of numbers; None if it cannot be called on one."""
    try:
        with torch.no_grad():
            y = function(x.clone())
    except (RectifiersError, RuntimeError, TypeError, ValueError, IndexError):
        return None
    return y if y.shape == x.shape and y.dtype == x.dtype and y.device == x.device else None


class _Collector:
    def __init__(self, names: Collection[str]) -> None:
        self.seen = {name: Seen() for name in names}

    def before(self, call: SiteCall) -> None:
        """Do nothing."""

    def after(self, call: SiteCall, y: Tensor) -> None:
        """Keep a sample."""
        if call.site.name in self.seen:
            self.seen[call.site.name].add(call, y)


def see_values(
    model: nn.Module,
    all_sites: Collection[Site],
    names: Collection[str],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    loader: Iterable[Any] | None = None,
) -> dict[str, Seen]:
    """Run `model` in evaluation mode and sample the values at some of its sites; it is left as it was.

    Args:
        model: any module.
        all_sites: all its sites.
        names: names of the sites to look at.
        args: positional arguments of the model.
        kwargs: keyword arguments of the model.
        loader: batches to look at instead, the first few.
    """
    collector = _Collector(names)
    if loader is None:
        with Observer(model, list(all_sites), collector):
            evaluate(model, args, kwargs)
        return collector.seen
    feed = Feed(model, loader, limit=BATCHES)
    with evaluation(model):
        for batch in feed:
            with Observer(model, list(all_sites), collector):
                feed.forward(batch)
    return collector.seen


def pool(seen: Iterable[Seen]) -> Seen:
    """Return the values of several sites as if they were those of one."""
    parts = list(seen)
    function = next((part.function for part in parts if part.function is not None), None)
    return Seen(
        function,
        list(chain.from_iterable(part.inputs for part in parts)),
        list(chain.from_iterable(part.outputs for part in parts)),
    )
