"""Pairing filters: how close each filter of a convolution comes to the negative of another (CReLU, Figures 1 to 3)."""

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
        layer: name of the convolution.
        filters: (K, C/groups, …) the filters.
        similarity: (K,) μ of each filter; NaN if it has no pairing filter.
        partner: (K,) number of the pairing filter; −1 if there is none.
        random: (draws, K) μ of random filters.
    """

    layer: str
    filters: Tensor
    similarity: Tensor
    partner: Tensor
    random: Tensor

    @property
    def mean(self) -> float:
        """Mean μ of the filters that have a pairing filter."""
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
        """How far the mean μ of the filters is below that of random filters; above 0 if filters pair up."""
        return self.random_mean - self.mean

    def records(self) -> list[Record]:
        """Return a row for each filter."""
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
    """Find each filter's pairing filter: the one with which its cosine similarity is smallest.

    With φ_i = w_i / ‖w_i‖ of unit length:

        μ_i = min_{j≠i} ⟨φ_i, φ_j⟩

    over the filters of the same group. Filters that are zero or not finite neither have a pairing filter nor are one.

    Args:
        filters: (K, C/groups, …) the filters.
        groups: how many groups of filters read channels of their own.

    Returns:
        μ in float64, with NaN for filters without a pairing filter, and the pairing filters' numbers, with −1 for none;
        both of shape (K,).

    Raises:
        ShapeError: the filters cannot be divided into `groups` equal groups.

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
    paired = similarity.isfinite()
    offset = torch.arange(groups)[:, None] * cosines.shape[-1]
    return similarity.where(paired, math.nan).flatten(), (partner + offset).where(paired, -1).flatten()


def filter_pairs(
    model: nn.Module, *, layers: Sequence[str] | None = None, draws: int = 10, seed: int = 0
) -> list[FilterPairs]:
    """Find the pairing filters of a model's convolutions, and of as many random Gaussian filters of the same size.

    If the μ of `pair` are clearly below those of random filters, the layer has filters for both phases of a direction,
    where CReLU would need only one (Shang et al., 2016, Figures 1 to 3). Transposed convolutions and ConvReLU are
    convolutions here too.

    Args:
        model: any module.
        layers: names of convolutions; None takes all with at least two filters in a group.
        draws: how often random filters are drawn.
        seed: seed of the random filters.

    Returns:
        One entry for each layer, in the order in which the model defines them.

    Raises:
        ConfigError: the model has no convolution with two filters in a group.
        UnknownNameError: there is no such convolution; the message has the nearest names.

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
    pairs = []
    for name in layers:
        if name not in known:
            raise UnknownNameError("convolution", name, known)
        filters, groups = _filters(known[name]), known[name].groups
        similarity, partner = pair(filters, groups)
        random = torch.stack(
            [pair(_gaussian(filters.shape, derive(seed, "pairing", name, draw)), groups)[0] for draw in range(draws)]
        )
        pairs.append(FilterPairs(name, filters, similarity, partner, random))
    return pairs


def _filters(module: Convolution) -> Tensor:
    """Return the filters of a convolution as (K, C/groups, …), by output channel."""
    weight: Tensor = module.weight.detach().cpu()
    if isinstance(module, nn.modules.conv._ConvTransposeNd):
        weight = weight.unflatten(0, (module.groups, -1)).transpose(1, 2).flatten(0, 1)
    return weight


def _gaussian(shape: torch.Size, seed: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
