"""Statistics to which batches are added one by one, in float64, with memory that does not depend on their number."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def to_float64(values: Tensor) -> Tensor:
    """Convert values to float64 on their device, or on the CPU if the device has no float64."""
    return (values.cpu() if values.device.type == "mps" else values).double()


class Moments:
    """Count, mean, variance and range of the finite values of each unit (Chan, Golub and LeVeque, 1983).

    With n values of mean m and sum of squared deviations S, and n' more values of m' and S':

        m ← m + (m' − m)·n' / (n + n'),  S ← S + S' + (m' − m)²·n·n' / (n + n')

    Args:
        units: how many units there are.

    Example:
        >>> moments = Moments(1)
        >>> moments.add(torch.tensor([[1.0], [2.0]]))
        >>> moments.add(torch.tensor([[6.0]]))
        >>> moments.mean.item(), moments.variance.item()
        (3.0, 4.666666666666667)
    """

    def __init__(self, units: int) -> None:
        self.count = torch.zeros(units, dtype=torch.int64)
        self.mean = torch.zeros(units, dtype=torch.float64)
        self.squares = torch.zeros(units, dtype=torch.float64)
        self.low = torch.full((units,), math.inf, dtype=torch.float64)
        self.high = torch.full((units,), -math.inf, dtype=torch.float64)

    def add(self, values: Tensor) -> None:
        """Add values, (values, units)."""
        values = to_float64(values)
        finite = values.isfinite()
        count = finite.sum(0)
        mean = values.where(finite, 0.0).sum(0) / count.clamp(min=1)
        squares = (values - mean).where(finite, 0.0).square().sum(0)
        if len(values):
            self.low = self.low.minimum(values.where(finite, math.inf).amin(0).cpu())
            self.high = self.high.maximum(values.where(finite, -math.inf).amax(0).cpu())
        self._merge(count.cpu(), mean.cpu(), squares.cpu())

    def _merge(self, count: Tensor, mean: Tensor, squares: Tensor) -> None:
        total = self.count + count
        apart, share = mean - self.mean, count.double() / total.clamp(min=1)
        self.mean = self.mean + apart * share
        self.squares = self.squares + squares + apart.square() * self.count * share
        self.count = total

    def joined(self) -> Moments:
        """Return the moments of the same values as those of a single unit."""
        joined = Moments(1)
        if self.count.any():
            mean, variance = self.pooled()
            joined.count = self.count.sum(0, keepdim=True)
            joined.mean[0], joined.squares[0] = mean, variance * int(joined.count)
            joined.low, joined.high = self.low.amin(0, keepdim=True), self.high.amax(0, keepdim=True)
        return joined

    @property
    def variance(self) -> Tensor:
        """Mean squared deviation of each unit; NaN without values."""
        return (self.squares / self.count).where(self.count > 0, math.nan)

    def pooled(self) -> tuple[float, float]:
        """Return mean and variance of all units' values together; NaN without values."""
        total = int(self.count.sum())
        if not total:
            return math.nan, math.nan
        mean = float((self.mean * self.count).sum()) / total
        squares = float((self.squares + (self.mean - mean).square() * self.count).sum())
        return mean, squares / total


class Histogram:
    """Exact counts in bins of equal width around 0; the width doubles, by joining neighbours, until all values fit.

    The bins do not depend on the order of the values. Values that are not finite are left out.

    Args:
        bins: how many bins there are, a multiple of 4.

    Example:
        >>> histogram = Histogram(bins=4)
        >>> histogram.add(torch.tensor([-0.2, 0.1, 0.6]))
        >>> histogram.add(torch.tensor([1.5]))
        >>> histogram.edges.tolist(), histogram.counts.tolist()
        ([-2.0, -1.0, 0.0, 1.0, 2.0], [0, 1, 2, 1])
    """

    def __init__(self, bins: int = 2048) -> None:
        self.counts = torch.zeros(bins, dtype=torch.int64)
        self.exponent = -20
        """The bins reach from −2^exponent to 2^exponent."""

    def add(self, values: Tensor) -> None:
        """Count the values of a tensor of any shape."""
        # The exponents of float64 are the same for all dtypes, and halving bins is exact in it.
        values = to_float64(values.detach()).flatten()
        values = values[values.isfinite()]
        if not values.numel():
            return
        largest = float(values.abs().max())
        if largest:
            # 2^(e−1) ≤ largest < 2^e; the right end is open.
            self._widen(math.frexp(largest)[1])
        half = len(self.counts) // 2
        bins = (values * math.ldexp(half, -self.exponent)).floor_().long() + half
        self.counts += torch.bincount(bins, minlength=len(self.counts)).cpu()

    def _widen(self, exponent: int) -> None:
        for _ in range(exponent - self.exponent):
            quarter = len(self.counts) // 4
            joined = self.counts.reshape(-1, 2).sum(1)
            self.counts = torch.cat([torch.zeros(quarter, dtype=torch.int64), joined, joined.new_zeros(quarter)])
        self.exponent = max(self.exponent, exponent)

    @property
    def edges(self) -> Tensor:
        """Edges of the bins, one more than there are bins."""
        return torch.linspace(-1, 1, len(self.counts) + 1, dtype=torch.float64) * 2.0**self.exponent

    def centre(self, share: float) -> tuple[float, float]:
        """Return two edges with at least `share` of the values between them, and at most half the rest beyond each."""
        total = int(self.counts.sum())
        if not total:
            return -1.0, 1.0
        below = self.counts.cumsum(0)
        tail = total * (1 - share) / 2
        first = int((below > tail).nonzero()[0])
        last = int((below >= total - tail).nonzero()[0])
        return float(self.edges[first]), float(self.edges[last + 1])

    def coarse(self, low: float, high: float, bins: int = 64) -> tuple[list[float], list[int]]:
        """Return edges and counts of about `bins` bins from `low` to `high`, joined from bins of this histogram."""
        edges = self.edges
        first = int((edges <= low).nonzero()[-1]) if low >= float(edges[0]) else 0
        last = int((edges >= high).nonzero()[0]) if high <= float(edges[-1]) else len(edges) - 1
        step = max(1, (last - first) // bins)
        starts = list(range(first, last, step))
        counts = [int(self.counts[start : min(start + step, last)].sum()) for start in starts]
        return [*edges[starts].tolist(), float(edges[last])], counts


class CrossProducts:
    """Sums of products of two networks' centred features, which linear CKA is computed from.

    Args:
        first: number of features of the one network.
        second: number of features of the other network.
    """

    def __init__(self, first: int, second: int) -> None:
        self.count = 0
        self.means = torch.zeros(first, dtype=torch.float64), torch.zeros(second, dtype=torch.float64)
        self.sums = {
            (0, 0): torch.zeros(first, first, dtype=torch.float64),
            (1, 1): torch.zeros(second, second, dtype=torch.float64),
            (0, 1): torch.zeros(first, second, dtype=torch.float64),
        }

    def add(self, first: Tensor, second: Tensor) -> None:
        """Add samples, (samples, first) and (samples, second)."""
        features = to_float64(first).cpu(), to_float64(second).cpu()
        count = len(first)
        if not count:
            return
        means = features[0].mean(0), features[1].mean(0)
        centred = features[0] - means[0], features[1] - means[1]
        apart = means[0] - self.means[0], means[1] - self.means[1]
        weight = self.count * count / (self.count + count)
        for (one, other), total in self.sums.items():
            total += centred[one].T @ centred[other] + weight * torch.outer(apart[one], apart[other])
        share = count / (self.count + count)
        self.means = self.means[0] + apart[0] * share, self.means[1] + apart[1] * share
        self.count += count

    @property
    def cka(self) -> float:
        """Linear centred kernel alignment, ‖YᵀX‖² / (‖XᵀX‖·‖YᵀY‖) of centred features (Kornblith et al., 2019).

        It is 1 if the features are the same up to rotation and scale, and NaN if one network's features never vary.

        Example:
            >>> x = torch.tensor([[1.0, 0.0], [0.0, 1.0], [3.0, 1.0]])
            >>> products = CrossProducts(2, 2)
            >>> products.add(x, -2 * x.flip(1))
            >>> round(products.cka, 12)
            1.0
        """
        scale = float(self.sums[0, 0].norm() * self.sums[1, 1].norm())
        return float(self.sums[0, 1].square().sum()) / scale if scale else math.nan
