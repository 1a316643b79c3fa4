"""What the channels of a site see, where each gets starting values of its own."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ...core.fitting import Points
from .seen import FEW, Seen

OWN, COMMON = 64, 96
"""How many points stand for the values of one channel, and about how many for those of the whole site."""
ALIKE = 8
"""The difference from what was seen, in units of its precision, up to which a function gives the same values again."""


@dataclass(frozen=True)
class ChannelPoints:
    """What a function is to be near in each channel of a site.

    Args:
        points: numbers of shape (N, C).
        own: how many of them, the first ones, stand for the values of the channel itself.
    """

    points: Points
    own: int

    def error(self, values: Tensor) -> float | None:
        """Return how far values at these points are from those that are wanted, over the channels' own."""
        error, size = (part[: self.own].square().sum().sqrt() for part in (values - self.points.y, self.points.y))
        return float(error / size) if size else None if error else 0.0


def channel_points(seen: Seen, site: Points) -> ChannelPoints | None:
    """Return what a function is to be near in each channel; None if the values do not show it.

    A channel's own values count the more, the more there are. The others are those of the whole site, so that few
    values do not bend the function where other batches have theirs.

    Args:
        seen: the values of a site.
        site: the points that stand for all of them.
    """
    if not seen.channels:
        return None
    narrow = torch.finfo(seen.channels[0][0].dtype).eps
    x, y = (torch.cat(parts).double() for parts in zip(*seen.channels, strict=True))
    if not (x.isfinite().all() and y.isfinite().all()):
        return None
    count, channels = x.shape
    x, order = x.sort(0)
    ranks = torch.linspace(0, count - 1, min(count, OWN), dtype=torch.float64).long()
    x, y, own = x[ranks], y.gather(0, order)[ranks], len(ranks)
    thin = slice(None, None, max(1, len(site.x) // COMMON))
    weight = site.weight[thin]
    whole = torch.cat((x, site.x[thin, None].expand(-1, channels)))
    values = seen.apply(whole)
    if values is None or not values.isfinite().all() or not _alike(values[:own], y, narrow):
        # Nothing but what was seen is known, and with a few values alone a function could be anywhere between them.
        return ChannelPoints(Points(x, y, torch.full_like(x, 1 / own)), own) if count >= FEW else None
    share = count / (count + FEW)
    weights = torch.cat((torch.full((own,), share / own, dtype=torch.float64), (1 - share) * weight / weight.sum()))
    return ChannelPoints(Points(whole, values, weights[:, None].expand_as(whole)), own)


def _alike(values: Tensor, seen: Tensor, precision: float) -> bool:
    return bool((values - seen).abs().max() <= ALIKE * precision * seen.abs().max())
