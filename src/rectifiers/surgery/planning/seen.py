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
IN_CHANNEL = 64
"""How many values of one call are kept in each channel."""
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
        channels: inputs in each channel and what it made of them, both of shape (N, C), where they are asked for.
        layout: size of an input with one value in each channel; (1, C, 1, 1) for images.
    """

    function: Function | None = None
    inputs: list[Tensor] = field(default_factory=list)
    outputs: list[Tensor] = field(default_factory=list)
    channels: list[tuple[Tensor, Tensor]] = field(default_factory=list)
    layout: tuple[int, ...] = ()

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

    def add_channels(self, call: SiteCall, y: Tensor) -> None:
        """Keep a sample of the values of a call in each channel, where it is known which dimension holds them."""
        x, y, at = call.x, y.detach(), call.site.channel_dim
        plain = not (x.is_meta or x.is_nested or is_functorch_wrapped_tensor(x)) and x.is_floating_point()
        if not plain or not x.numel() or x.shape != y.shape or x.dim() < 2:
            return
        if at is None or not -x.dim() <= at < x.dim():
            return
        rows = [values.movedim(at, -1).flatten(0, -2) for values in (x, y)]
        ranks = torch.linspace(0, len(rows[0]) - 1, min(len(rows[0]), IN_CHANNEL), dtype=torch.float64, device="cpu")
        channels = rows[0].shape[1]
        layout = tuple(channels if dim == at % x.dim() else 1 for dim in range(x.dim()))
        if self.layout in ((), layout):
            self.layout = layout
            inputs, outputs = (values[ranks.long().to(values.device)].cpu() for values in rows)
            self.channels.append((inputs, outputs))

    def apply(self, rows: Tensor) -> Tensor | None:
        """Return what the activation makes of numbers of shape (N, C), in float64; None if it cannot be called on them.

        It is called in float64, or in the dtype that it got if it takes no other.
        """
        if self.function is None:
            return None
        at = max(range(len(self.layout)), key=self.layout.__getitem__) if max(self.layout) > 1 else 1
        size = [*self.layout]
        size[1 if at == 0 else 0] = len(rows)
        x = rows if at else rows.T
        for dtype in (torch.float64, self.channels[0][0].dtype):
            y = call_on(self.function, x.to(dtype).reshape(size))
            if y is not None:
                y = y.double().reshape(x.shape)
                return y if at else y.T
        return None

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
    def __init__(self, names: Collection[str], by_channel: bool) -> None:
        self.seen = {name: Seen() for name in names}
        self.by_channel = by_channel

    def before(self, call: SiteCall) -> None:
        """Do nothing."""

    def after(self, call: SiteCall, y: Tensor) -> None:
        """Keep a sample."""
        if call.site.name in self.seen:
            self.seen[call.site.name].add(call, y)
            if self.by_channel:
                self.seen[call.site.name].add_channels(call, y)


def see_values(
    model: nn.Module,
    all_sites: Collection[Site],
    names: Collection[str],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    loader: Iterable[Any] | None = None,
    *,
    by_channel: bool = False,
) -> dict[str, Seen]:
    """Run `model` in evaluation mode and sample the values at some of its sites; it is left as it was.

    Args:
        model: any module.
        all_sites: all its sites.
        names: names of the sites to look at.
        args: positional arguments of the model.
        kwargs: keyword arguments of the model.
        loader: batches to look at instead, the first few.
        by_channel: whether the values in each channel are sampled too.
    """
    collector = _Collector(names, by_channel)
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
    one_layout = len({part.layout for part in parts}) == 1
    return Seen(
        function,
        list(chain.from_iterable(part.inputs for part in parts)),
        list(chain.from_iterable(part.outputs for part in parts)),
        list(chain.from_iterable(part.channels for part in parts)) if one_layout else [],
        parts[0].layout,
    )
