"""What is counted at each site while a model runs."""

from __future__ import annotations

import math
from dataclasses import replace

import torch
from torch import Tensor

from ...watching.kinds import spec_of
from ...watching.observer import Observer, SiteCall
from ...watching.sites import Site
from ..slopes import by_unit, slopes
from ..streaming import Histogram, Moments, exact
from .bounds import STEEPEST, at_bounds
from .diagnosis import Curve, SiteHealth, Spread

OFF = 1e-3
"""A derivative smaller than this counts as none. ReLU's is 0 or 1; smooth functions come near 0."""
STRAIGHT = 1e-3
"""A unit is linear if its derivatives differ by less than this share of the largest."""
RARE = 0.01
"""A unit that is on for a smaller share of its values is nearly dead."""
FLAT = 0.01
"""A bounded function is saturated where its derivative is below this share of its largest."""


class Tallies:
    """A tally for every site: a listener of an observer."""

    def __init__(self) -> None:
        self.of: dict[str, Tally] = {}

    def before(self, call: SiteCall) -> None:
        """Ask for the gradient in front."""
        tally = self.of.setdefault(call.site.name, Tally(call.site, call.site.channels))
        if call.x.requires_grad:
            call.x.register_hook(tally.gradient_before)

    def after(self, call: SiteCall, y: Tensor) -> None:
        """Count, and ask for the gradient behind."""
        tally = self.of[call.site.name]
        if y.requires_grad:
            y.register_hook(tally.gradient_behind)
        tally.add(call, y.detach())

    def end_batch(self) -> None:
        """The gradients of a batch are through."""
        for tally in self.of.values():
            tally.batches += 1

    def health(self, observer: Observer) -> tuple[SiteHealth, ...]:
        """The figures of all sites, in the order in which they ran."""
        return tuple(self.of[name].health(site) for name, site in observer.visited.items())


class Tally:
    """What is counted at one site.

    Args:
        site: where.
        units: how many channels.
    """

    def __init__(self, site: Site, units: int) -> None:
        self.site = site
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
        x, slope = call.x, slopes(call)
        # Its shape and dtype are needed at the end, its memory is not.
        self.last = replace(call, x=x.new_empty((0, *x.shape[1:])))
        values, derivatives = by_unit(self.site, x), by_unit(self.site, slope)
        finite = values.isfinite()
        derivatives = derivatives.where(finite, math.nan)
        self.not_finite += int((~finite).sum())
        self.moments.add(values)
        self.slopes.add(derivatives)
        self.spread.add(values)
        # NaN compares false.
        self.on += (derivatives.abs() >= OFF).sum(0).cpu()
        self.saturated += int(self._flat(values, derivatives).sum())
        self._count_zeros(slope if self._is_convolution else y)

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
            shares = exact(rows == 0).mean(1)
            self.samples += len(shares)
            self.zeros += float(shares.sum())
            self.fewest, self.most = min(self.fewest, float(shares.min())), max(self.most, float(shares.max()))

    def gradient_before(self, gradient: Tensor) -> None:
        """Count a gradient in front of the activation."""
        self._add_gradient("before", gradient)
        sizes = exact(by_unit(self.site, gradient)).abs().nan_to_num(math.inf)
        self.largest_gradient = self.largest_gradient.maximum(sizes.amax(0).cpu())

    def gradient_behind(self, gradient: Tensor) -> None:
        """Count a gradient behind the activation."""
        self._add_gradient("behind", gradient)

    def _add_gradient(self, side: str, gradient: Tensor) -> None:
        gradient = exact(gradient.detach())
        finite = gradient.isfinite()
        self.gradient_not_finite += int((~finite).sum())
        self._squares[side] += float(gradient.where(finite, 0.0).square().sum())
        self._reached[side] = True
        self.gradient_seen = True

    def health(self, site: Site) -> SiteHealth:
        """The figures."""
        units, values = len(self.on), self.moments.count
        seen = values > 0
        dead = seen & (self.on == 0)
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
            nearly_dead=int((seen & ~dead & (self.on < RARE * values)).sum()) / units,
            always_on=int((seen & ~dead & constant).sum()) / units,
            dead_units=_numbers(dead),
            never_above=_numbers(seen & (self.moments.high <= 0)),
            off=1 - int(self.on.sum()) / total if total else math.nan,
            sparsity=self.zeros / self.samples if self.samples else math.nan,
            sparsity_low=self.fewest,
            sparsity_high=self.most,
            mean=mean,
            variance=variance,
            unit_means=tuple(self.moments.mean.where(seen, math.nan).tolist()),
            unit_variances=tuple(self.moments.variance.tolist()),
            saturated=self.saturated / total if total and site.kind in STEEPEST else None,
            slope_low=float(self.slopes.low.min()),
            slope_high=float(self.slopes.high.max()),
            no_gradient=int((self.largest_gradient == 0).sum()) / units if self._reached["before"] else None,
            gradient_in=self._norm("before"),
            gradient_out=self._norm("behind"),
            gradient_not_finite=self.gradient_not_finite,
            bounds=tuple(at_bounds(self.last.module if self.last else None)),
            spread=Spread(tuple(edges), tuple(counts)),
            curve=self._curve(edges[0], edges[-1]),
        )

    def _norm(self, side: str) -> float | None:
        return math.sqrt(self._squares[side] / self.batches) if self._reached[side] and self.batches else None

    def _curve(self, low: float, high: float, points: int = 101) -> Curve | None:
        """The function where the data are; None for those that are none of single numbers."""
        call = self.last
        spec = spec_of(call.module if call else None)
        if call is None or (spec is not None and spec.kind != "elementwise"):
            return None
        x = torch.linspace(low, high, points, dtype=torch.float64)
        shape = [1 for _ in call.x.shape]
        if call.x.dim() > 1:
            shape[self.site.channel_dim] = call.x.shape[self.site.channel_dim]
        if getattr(call.module, "share", "") == "element":
            shape = [1, *call.x.shape[1:]]
        grid = x.to(call.x).reshape(-1, *(1 for _ in shape[1:])).expand(-1, *shape[1:])
        with torch.no_grad():
            outputs = exact(call.repeat(grid.contiguous())).cpu().reshape(points, -1)
        return Curve(
            tuple(x.tolist()),
            tuple(outputs.mean(1).tolist()),
            tuple(outputs.amin(1).tolist()),
            tuple(outputs.amax(1).tolist()),
        )


def _numbers(units: Tensor) -> tuple[int, ...]:
    return tuple(units.nonzero().flatten().tolist())
