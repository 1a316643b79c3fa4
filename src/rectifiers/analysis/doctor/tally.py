"""What the doctor counts at each site during forward and backward passes."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import torch
from torch import Tensor

from ...watching.kinds import spec_of
from ...watching.observer import Observer, SiteCall
from ...watching.sites import Site, unit_dim
from ..plasticity import Features
from ..slopes import by_unit, slopes
from ..streaming import Histogram, Moments, to_float64
from .bounds import STEEPEST, parameters_at_bounds
from .diagnosis import Curve, SiteHealth, Spread

OFF = 1e-3
"""A derivative smaller than this counts as 0. ReLU's is 0 or 1; those of smooth functions come near 0."""
STRAIGHT = 1e-3
"""A unit is linear if its derivatives differ by at most this share of the largest."""
RARE = 0.01
"""A unit whose derivative is not 0 for a smaller share of its values is nearly dead."""
FEW = round(1 / RARE)
"""Of a unit with fewer values than these, a value on its other piece may be missing by chance."""
FLAT = 0.01
"""A bounded function is saturated where its derivative is below this share of its largest."""


class Tallies:
    """A tally for every site; the listener of an observer."""

    def __init__(self, *, ranks: bool = False) -> None:
        self.of: dict[str, Tally] = {}
        self.ranks = ranks
        self._counts = False

    @contextmanager
    def counting(self) -> Iterator[None]:
        """Count the gradients that are taken in the block, and not those that a model takes itself in `forward`."""
        self._counts = True
        try:
            yield
        finally:
            self._counts = False

    def _count_gradient(self, tensor: Tensor, count: Callable[[Tensor], None]) -> None:
        def hook(gradient: Tensor) -> None:
            if self._counts:
                count(gradient)

        # A view that was written over gets its node when it is asked for; without one, PyTorch 2.14's hooks crash.
        if tensor.requires_grad and (tensor.grad_fn is not None or tensor.is_leaf):
            tensor.register_hook(hook)

    def before(self, call: SiteCall) -> None:
        """Have the gradient at the activation's input counted."""
        tally = self.of.setdefault(call.site.name, Tally(call.site, call.site.channels, ranks=self.ranks))
        self._count_gradient(call.x, tally.gradient_before)

    def after(self, call: SiteCall, y: Tensor) -> None:
        """Count the call, and have the gradient at the activation's output counted."""
        tally = self.of[call.site.name]
        self._count_gradient(y, tally.gradient_behind)
        tally.add(call, y.detach())

    def end_batch(self) -> None:
        """Count a batch whose gradients have all been taken."""
        for tally in self.of.values():
            tally.batches += 1

    def health(self, observer: Observer) -> tuple[SiteHealth, ...]:
        """Return the figures of all sites, in forward order."""
        return tuple(self.of[name].health(site) for name, site in observer.visited.items())


class Tally:
    """What is counted at one site.

    Args:
        site: the site.
        units: how many units it has.
        ranks: whether to keep what the ranks of its outputs are taken of.
    """

    def __init__(self, site: Site, units: int, *, ranks: bool = False) -> None:
        self.site, self.ranks = site, ranks
        self.features: Features | None = None
        self.moments = Moments(units)
        self.slopes = Moments(units)
        self.spread = Histogram()
        self.on = torch.zeros(units, dtype=torch.int64)
        self.not_finite = 0
        self.saturated = 0
        self.samples, self.zeros = 0, 0.0
        self.fewest, self.most = math.inf, -math.inf
        self.last: SiteCall | None = None
        self.gradient_seen = False
        self.largest_gradient = torch.zeros(units, dtype=torch.float64)
        self.gradient_not_finite = 0
        self._squares = {"before": 0.0, "behind": 0.0}
        self._reached = {"before": False, "behind": False}
        self.batches = 0

    def add(self, call: SiteCall, y: Tensor) -> None:
        """Count one call of the activation."""
        if call.site.channel_dim is None and self.site.channel_dim is not None:
            self._join_units()
        x, slope = call.x, slopes(call)
        # Only the shape and dtype of the input are needed later.
        self.last = replace(call, x=x.new_empty((0, *x.shape[1:])))
        values, derivatives = by_unit(self.site, x), by_unit(self.site, slope)
        finite = values.isfinite()
        derivatives = derivatives.where(finite, math.nan)
        self.not_finite += int((~finite).sum())
        self.moments.add(values)
        self.slopes.add(derivatives)
        self.spread.add(values)
        # Comparisons with NaN are false.
        self.on += (derivatives.abs() >= OFF).sum(0).cpu()
        self.saturated += int(self._flat(values, derivatives).sum())
        self._count_zeros(slope if self._is_convolution else y)
        outputs = by_unit(self.site, y)
        if self.features is None:
            self.features = Features(outputs.shape[1], ranks=self.ranks)
        self.features.add(outputs.where(outputs.isfinite(), 0.0))

    def _join_units(self) -> None:
        """Take all units for one, where it turns out that nothing is known of the channels."""
        self.site = replace(self.site, channel_dim=None)
        self.moments, self.slopes = self.moments.joined(), self.slopes.joined()
        self.on = self.on.sum(0, keepdim=True)
        self.largest_gradient = self.largest_gradient.amax(0, keepdim=True)
        self.features = None if self.features is None else self.features.joined()

    @property
    def _is_convolution(self) -> bool:
        spec = spec_of(self.last.module if self.last else None)
        return spec is not None and spec.kind == "convolution"

    def _flat(self, values: Tensor, derivatives: Tensor) -> Tensor:
        if self.site.kind == "relu6":
            return values >= self.site.settings.get("cap", 6.0)
        return derivatives.abs() < FLAT * STEEPEST.get(self.site.kind, 0.0)

    def _count_zeros(self, outputs: Tensor) -> None:
        rows = outputs.flatten(1) if outputs.dim() > 1 else outputs.reshape(-1, 1)
        if rows.numel():
            shares = to_float64(rows == 0).mean(1)
            self.samples += len(shares)
            self.zeros += float(shares.sum())
            self.fewest, self.most = min(self.fewest, float(shares.min())), max(self.most, float(shares.max()))

    def gradient_before(self, gradient: Tensor) -> None:
        """Count a gradient at the activation's input."""
        self._add_gradient("before", gradient)
        sizes = to_float64(by_unit(self.site, gradient)).abs().nan_to_num(math.inf)
        if len(sizes):
            self.largest_gradient = self.largest_gradient.maximum(sizes.amax(0).cpu())

    def gradient_behind(self, gradient: Tensor) -> None:
        """Count a gradient at the activation's output."""
        self._add_gradient("behind", gradient)

    def _add_gradient(self, side: str, gradient: Tensor) -> None:
        gradient = to_float64(gradient.detach())
        finite = gradient.isfinite()
        self.gradient_not_finite += int((~finite).sum())
        self._squares[side] += float(gradient.where(finite, 0.0).square().sum())
        self._reached[side] = True
        self.gradient_seen = True

    def health(self, site: Site) -> SiteHealth:
        """Return the figures, under the index that `site` has."""
        units, values = len(self.on), self.moments.count
        reached = values > 0
        dead = reached & (self.on == 0)
        steepest = self.slopes.low.abs().maximum(self.slopes.high.abs())
        constant = self.slopes.high - self.slopes.low <= STRAIGHT * steepest
        mean, variance = self.moments.pooled()
        total = int(values.sum())
        edges, counts = self.spread.coarse(*self.spread.centre(0.998))
        return SiteHealth(
            index=site.index,
            name=site.name,
            kind=site.kind,
            before=site.before,
            units=units,
            values=total,
            not_finite=self.not_finite,
            dead=int(dead.sum()) / units,
            nearly_dead=int((reached & ~dead & (self.on < RARE * values)).sum()) / units,
            always_on=int((reached & ~dead & constant).sum()) / units,
            dead_units=_numbers(dead),
            never_above=_numbers(reached & (self.moments.high <= 0)),
            off=1 - int(self.on.sum()) / total if total else math.nan,
            sparsity=self.zeros / self.samples if self.samples else math.nan,
            sparsity_low=self.fewest,
            sparsity_high=self.most,
            mean=mean,
            variance=variance,
            unit_means=tuple(self.moments.mean.where(reached, math.nan).tolist()),
            unit_variances=tuple(self.moments.variance.tolist()),
            saturated=self.saturated / total if total and site.kind in STEEPEST else None,
            slope_low=float(self.slopes.low.min()),
            slope_high=float(self.slopes.high.max()),
            no_gradient=int((self.largest_gradient == 0).sum()) / units if self._reached["before"] else None,
            gradient_in=self._norm("before"),
            gradient_out=self._norm("behind"),
            gradient_not_finite=self.gradient_not_finite,
            bounds=tuple(parameters_at_bounds(self.last.module if self.last else None)),
            spread=Spread(tuple(edges), tuple(counts)),
            curve=self._curve(edges[0], edges[-1]),
            dormant=math.nan if self.features is None else self.features.dormant_share,
            effective_rank=self.features.effective_rank if self.features and self.ranks else None,
            stable_rank=self.features.stable_rank if self.features and self.ranks else None,
        )

    def _norm(self, side: str) -> float | None:
        return math.sqrt(self._squares[side] / self.batches) if self._reached[side] and self.batches else None

    def _curve(self, low: float, high: float, points: int = 101) -> Curve | None:
        """Evaluate the function where the data are; None for functions that are not elementwise."""
        call = self.last
        spec = spec_of(call.module if call else None)
        if call is None or (spec is not None and spec.kind != "elementwise"):
            return None
        x = torch.linspace(low, high, points, dtype=torch.float64)
        dim, along = unit_dim(self.site.channel_dim, call.x.dim()), 0
        if dim == 0 and call.x.dim() == 1:
            return None
        if getattr(call.module, "share", "") == "element":
            grid = x.to(call.x).reshape(-1, *(1 for _ in call.x.shape[1:])).expand(-1, *call.x.shape[1:])
        else:
            grid, along = _grid(x.to(call.x), dim, len(self.on), call.x.dim())
        with torch.no_grad():
            outputs = to_float64(call.repeat(grid.contiguous())).cpu().movedim(along, 0).reshape(points, -1)
        return Curve(
            tuple(x.tolist()),
            tuple(outputs.mean(1).tolist()),
            tuple(outputs.amin(1).tolist()),
            tuple(outputs.amax(1).tolist()),
        )


def _numbers(units: Tensor) -> tuple[int, ...]:
    return tuple(units.nonzero().flatten().tolist())


def _grid(x: Tensor, dim: int | None, units: int, rank: int) -> tuple[Tensor, int]:
    """Spread points over values of that many dimensions, the same for every unit; return the points' dimension too."""
    if dim is None:
        return x.reshape(-1, *(1 for _ in range(1, rank))), 0
    if rank == 1:
        return x.unsqueeze(1).expand(-1, units), 0
    along = 0 if dim % rank else rank - 1
    shape = [len(x) if place == along else 1 for place in range(rank)]
    points = x.reshape(shape)
    shape[dim] = units
    return points.expand(shape), along
