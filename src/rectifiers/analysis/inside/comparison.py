"""Comparing two trained models on the same inputs, layer by layer."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ...core.errors import ConfigError, UnknownNameError
from ...core.wording import finite, percent, plural
from ...watching.feeding import Batch, Feed, ModelCall
from ...watching.observer import Observer, SiteCall
from ...watching.preserve import preserve
from ...watching.sites import Site, unit_dim
from ...watching.wrappers import look_at_whole
from ..doctor.diagnosis import SiteHealth
from ..doctor.examine import check_visited, find_batch_sites
from ..doctor.tally import Tallies
from ..slopes import by_unit
from ..streaming import CrossProducts, to_float64

COLUMNS = ("kind", "units", "mean", "variance", "sparsity", "dead", "always_on")
"""The columns of the CSV form for each of the two sites."""


@dataclass(frozen=True)
class LayerPair:
    """A site of one model beside a site of the other.

    Args:
        first: figures of the first model's site.
        second: figures of the second model's site.
        cka: linear centred kernel alignment of their outputs, from 0 to 1.
    """

    first: SiteHealth
    second: SiteHealth
    cka: float


@dataclass(frozen=True)
class ModelComparison:
    """The figures of two models side by side.

    Args:
        models: classes of the models.
        samples: how many samples (rows of batches) both were called with.
        layers: the pairs of sites in forward order.
    """

    models: tuple[str, str]
    samples: int
    layers: tuple[LayerPair, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return all numbers as plain data for JSON, with None where there is no number."""
        data: dict[str, Any] = finite(asdict(self))
        return data

    def to_json(self) -> str:
        """Return all numbers as JSON text."""
        return json.dumps(self.to_dict(), indent=2, ensure_ascii=False, allow_nan=False) + "\n"

    def to_csv(self) -> str:
        """Return a CSV table with a header and a line per pair; a cell is empty where there is no number."""
        sides = ("first", "second")
        buffer = io.StringIO()
        names = ["first", "second", "cka", *(f"{side}_{name}" for name in COLUMNS for side in sides)]
        writer = csv.DictWriter(buffer, names, lineterminator="\n")
        writer.writeheader()
        for layer in self.layers:
            row = {"first": layer.first.name, "second": layer.second.name, "cka": layer.cka}
            row |= {f"{side}_{name}": getattr(getattr(layer, side), name) for name in COLUMNS for side in sides}
            writer.writerow(finite(row))
        return buffer.getvalue()

    def __str__(self) -> str:
        """Return a line for each pair."""
        lines = [f"{self.models[0]} and {self.models[1]} on {plural(self.samples, 'sample')}"]
        for pair in self.layers:
            one, other = pair.first, pair.second
            lines.append(
                f"  {one.name} ({one.kind}) and {other.name} ({other.kind}): CKA {pair.cka:.3f}, mean "
                f"{one.mean:.3g} and {other.mean:.3g}, zeros {percent(one.sparsity)} and {percent(other.sparsity)}"
            )
        return "\n".join(lines)


def compare_models(
    first: nn.Module,
    second: nn.Module,
    loader: Iterable[Any],
    *,
    pairs: Sequence[tuple[str, str]] | None = None,
    call: ModelCall | None = None,
    batches: int | None = None,
) -> ModelComparison:
    """Compare what two models' activations do with the same inputs; both models are left as they were.

    Similarity is linear CKA (Kornblith, Norouzi, Lee and Hinton, 2019) of the activations' outputs, exact over all
    data. If the outputs of both sites have the same positions, every position of every sample is a data point;
    otherwise the mean over the positions of each sample is. Of a site that is called several times, the first output
    counts.

    Args:
        first: any module.
        second: any module that takes the same inputs.
        loader: batches, as for `diagnose`.
        pairs: names of the sites to compare; by default all, in forward order.
        call: calls a model on a batch, if the rules for batches do not fit.
        batches: how many batches to use; None for all.

    Raises:
        ConfigError: the models have different numbers of sites and `pairs` is not given, or one model fails on a batch.
        UnknownNameError: there is no site of such a name.
        DataError: the loader gives no batches.

    Example:
        >>> net = nn.Sequential(nn.Linear(2, 3), nn.ReLU())
        >>> compare_models(net, net, [torch.randn(8, 2)]).layers[0].cka.__round__(9)
        1.0
    """
    models = look_at_whole(first), look_at_whole(second)
    feeds = Feed(models[0], loader, call, batches), Feed(models[1], loader, call, batches)
    watched: list[tuple[Observer, _Outputs]] = []
    products: dict[tuple[str, str], CrossProducts] = {}
    samples = 0
    with torch.no_grad(), preserve(models[0]), preserve(models[1]):
        for batch in feeds[0]:
            samples += batch.size
            both = batch, feeds[1].prepare(batch.raw, batch.number)
            if not watched:
                watched = [_observe(*both_of) for both_of in zip(models, feeds, both, strict=True)]
            for (observer, outputs), feed, own in zip(watched, feeds, both, strict=True):
                outputs.first = {}
                with torch.set_grad_enabled(feed.takes_gradients), observer:
                    feed.forward(own)
                check_visited(observer)
            visited = watched[0][0].visited, watched[1][0].visited
            for one, other in _pairs(visited, pairs):
                features = _features(
                    visited[0][one], watched[0][1].first.get(one), visited[1][other], watched[1][1].first.get(other)
                )
                if features is not None:
                    sums = products.setdefault((one, other), CrossProducts(*(part.shape[1] for part in features)))
                    if [len(mean) for mean in sums.means] != [part.shape[1] for part in features]:
                        raise ConfigError(
                            f"the outputs of {one} or {other} have another number of features on batch {batch.number} "
                            "than before; name the sites to compare: pairs=…"
                        )
                    sums.add(*features)
    healths = [{site.name: site for site in outputs.health(observer)} for observer, outputs in watched]
    return ModelComparison(
        models=(type(models[0]).__name__, type(models[1]).__name__),
        samples=samples,
        layers=tuple(
            LayerPair(healths[0][one], healths[1][other], sums.cka) for (one, other), sums in products.items()
        ),
    )


class _Outputs(Tallies):
    """Tallies that also keep the first output of each site in a batch."""

    def __init__(self) -> None:
        super().__init__()
        self.first: dict[str, Tensor] = {}

    def after(self, call: SiteCall, y: Tensor) -> None:
        super().after(call, y)
        # A copy, because later layers may write over it.
        self.first.setdefault(call.site.name, y.detach().clone())


def _observe(model: nn.Module, feed: Feed, batch: Batch) -> tuple[Observer, _Outputs]:
    model.eval()
    outputs = _Outputs()
    return Observer(model, find_batch_sites(model, feed, batch), outputs), outputs


def _pairs(
    visited: tuple[dict[str, Site], dict[str, Site]], pairs: Sequence[tuple[str, str]] | None
) -> list[tuple[str, str]]:
    if pairs is None:
        if len(visited[0]) != len(visited[1]):
            raise ConfigError(
                f"the models have {len(visited[0])} and {len(visited[1])} activation sites; say which belong together: "
                f"pairs=[({next(iter(visited[0]))!r}, {next(iter(visited[1]))!r}), …]"
            )
        return list(zip(*visited, strict=True))
    for pair in pairs:
        for name, sites in zip(pair, visited, strict=True):
            if name not in sites:
                raise UnknownNameError("activation site", name, sites)
    return [(one, other) for one, other in pairs]


def _features(site: Site, y: Tensor | None, other_site: Site, other: Tensor | None) -> tuple[Tensor, Tensor] | None:
    """Return (data points, features) of both sites, finite points alone; None if a site was not called."""
    if y is None or other is None:
        return None
    if _positions(site, y) == _positions(other_site, other):
        both = by_unit(site, y), by_unit(other_site, other)
    else:
        both = _mean_over_positions(site, y), _mean_over_positions(other_site, other)
    if len(both[0]) != len(both[1]):
        raise ConfigError(
            f"the outputs of {site.name} and {other_site.name} have the shapes {tuple(y.shape)} and "
            f"{tuple(other.shape)}, in which samples cannot be matched; name the sites to compare: pairs=…"
        )
    keep = both[0].isfinite().all(1).cpu() & both[1].isfinite().all(1).cpu()
    return both[0].cpu()[keep], both[1].cpu()[keep]


def _positions(site: Site, y: Tensor) -> tuple[int, ...]:
    dim = unit_dim(site.channel_dim, y.dim())
    return tuple(y.shape) if dim is None else tuple(y.movedim(dim, -1).shape[:-1])


def _mean_over_positions(site: Site, y: Tensor) -> Tensor:
    dim = unit_dim(site.channel_dim, y.dim())
    if dim is None or y.dim() < 2:
        return to_float64(y).reshape(len(y), -1).mean(1, keepdim=True) if y.dim() else y.reshape(1, 1)
    return to_float64(y).movedim(dim, -1).flatten(1, -2).mean(1) if y.dim() > 2 else y
