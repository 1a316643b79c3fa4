"""Filters and their opposites: how close each filter of a convolution comes to the negative of another (CReLU)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ...activations.convrelu import ConvReLU1d, ConvReLU2d, ConvReLU3d
from ...core.checks import check_count
from ...core.errors import ConfigError, ShapeError, UnknownNameError
from ...core.seeds import derive
from .measured import Measured, Record

Convolution = nn.modules.conv._ConvNd | ConvReLU1d | ConvReLU2d | ConvReLU3d


@dataclass(frozen=True)
class FilterPairs(Measured):
    """The filters of one layer and their pairing filters.

    Args:
        layer: its name.
        filters: (K, C/groups, …), as they are.
        similarity: (K,) μ of each filter; NaN where it has no partner.
        partner: (K,) number of the pairing filter; −1 where there is none.
        random: (draws, K) μ of random filters.
    """

    layer: str
    filters: Tensor
    similarity: Tensor
    partner: Tensor
    random: Tensor

    @property
    def mean(self) -> float:
        """Mean μ of the filters that have a partner."""
        return float(self.similarity.nanmean())

    @property
    def random_mean(self) -> float:
        """Mean μ of the random filters."""
        return float(self.random.nanmean())

    @property
    def random_spread(self) -> float:
        """Standard deviation of the mean μ over the draws."""
        return float(self.random.nanmean(1).std())

    @property
    def gap(self) -> float:
        """How far the filters' mean lies below the random ones', in cosines: above 0 where filters pair up."""
        return self.random_mean - self.mean

    def records(self) -> list[Record]:
        """One row for each filter."""
        random = self.random.mean(0)
        return [
            {
                "layer": self.layer,
                "filter": number,
                "partner": int(self.partner[number]),
                "similarity": float(self.similarity[number]),
                "random": float(random[number]),
            }
            for number in range(len(self.similarity))
        ]


def pair(filters: Tensor, groups: int = 1) -> tuple[Tensor, Tensor]:
    """Each filter's smallest cosine similarity, and the filter that it has it with.

    With unit-length φ_i = w_i / ‖w_i‖:

        μ_i = min_{j≠i} ⟨φ_i, φ_j⟩

    over the filters of the same group. Filters that are zero or not finite neither have a partner nor are one.

    Args:
        filters: (K, C/groups, …).
        groups: how many groups of filters read channels of their own.

    Returns:
        μ in float64, NaN without a partner, and the partners, −1 for none; both (K,).

    Raises:
        ShapeError: `groups` does not divide the filters.

    Example:
        >>> similarity, partner = pair(torch.tensor([[3.0, 0.0], [0.0, 1.0], [-2.0, 0.0]]))
        >>> similarity.tolist(), partner.tolist()
        ([-1.0, 0.0, -1.0], [2, 0, 0])
    """
    if filters.ndim < 2 or check_count("pair", "groups", groups) > len(filters) or len(filters) % groups:
        raise ShapeError(f"pair: expected filters of shape (K, …) in {groups} equal groups, got {tuple(filters.shape)}")
    vectors = filters.detach().double().cpu().reshape(groups, len(filters) // groups, -1)
    length = vectors.norm(dim=-1, keepdim=True)
    usable = length.isfinite() & (length > 0)
    units = (vectors / length).where(usable, 0.0)
    cosines = (units @ units.mT).clamp(-1, 1)
    among = usable & usable.mT & ~torch.eye(cosines.shape[-1], dtype=torch.bool)
    similarity, partner = cosines.where(among, math.inf).min(-1)
    found = similarity.isfinite()
    offset = torch.arange(groups)[:, None] * cosines.shape[-1]
    return similarity.where(found, math.nan).flatten(), (partner + offset).where(found, -1).flatten()


def filter_pairs(
    model: nn.Module, *, layers: Sequence[str] | None = None, draws: int = 10, seed: int = 0
) -> list[FilterPairs]:
    """The pairing filters of a model's convolutions, beside those of as many random Gaussian filters of the same size.

    Where the μ of `pair` lie clearly below the random ones, the layer spends filters on both phases of a direction,
    which CReLU would give it for one (Shang et al., 2016, Figures 1 to 3). Transposed convolutions and ConvReLU count.

    Args:
        model: any module.
        layers: names of convolutions; None: all that have two filters in a group.
        draws: how often random filters are drawn.
        seed: root of the random filters.

    Returns:
        One entry for each layer, in the order in which the model defines them.

    Raises:
        ConfigError: the model has no convolution with two filters in a group.
        UnknownNameError: no such convolution, with the nearest names.

    Example:
        >>> net = nn.Sequential(nn.Conv2d(1, 2, 3, bias=False), nn.ReLU())
        >>> with torch.no_grad():
        ...     _ = net[0].weight[1].copy_(-net[0].weight[0])
        >>> [round(found.mean, 6) for found in filter_pairs(net)]
        [-1.0]
    """
    check_count("filter_pairs", "draws", draws)
    known = {name: module for name, module in model.named_modules() if isinstance(module, Convolution)}
    if layers is None:
        layers = [name for name, module in known.items() if len(_filters(module)) >= 2 * module.groups]
        if not layers:
            raise ConfigError(f"{type(model).__name__} has no convolution with two filters in a group to compare")
    found = []
    for name in layers:
        if name not in known:
            raise UnknownNameError("convolution", name, known)
        filters, groups = _filters(known[name]), known[name].groups
        similarity, partner = pair(filters, groups)
        random = torch.stack(
            [pair(_gaussian(filters.shape, derive(seed, "pairing", name, draw)), groups)[0] for draw in range(draws)]
        )
        found.append(FilterPairs(name, filters, similarity, partner, random))
    return found


def _filters(module: Convolution) -> Tensor:
    """The filters of a convolution, outputs first, as (K, C/groups, …)."""
    weight: Tensor = module.weight.detach().cpu()
    if isinstance(module, nn.modules.conv._ConvTransposeNd):
        weight = weight.unflatten(0, (module.groups, -1)).transpose(1, 2).flatten(0, 1)
    return weight


def _gaussian(shape: torch.Size, seed: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
