"""How invariant a network's units are to small movements of the image (Goodfellow et al., 2009; CReLU, Figure 4)."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from ...core.errors import ConfigError, DataError
from ...watching.calls import Call, list_calls, pick_calls, read_outputs
from ...watching.feeding import Batch, read_batches
from ...watching.preserve import evaluation
from ...watching.wrappers import look_at_whole
from .measured import Measured, Record
from .transforms import Transform, flips, rotations, translations

BEST = 0.2
"""The share of a layer's units whose scores count for the layer."""

FAMILIES: Mapping[str, Sequence[Transform]] = {
    "translation": translations(),
    "rotation": rotations(),
    "flip": flips(),
}


@dataclass(frozen=True)
class Invariance(Measured):
    """Invariance scores of one layer.

    Args:
        layer: name of the call whose output was read.
        scores: (units,) scores by family of transforms; NaN for units without a score.
        rate: (units,) share of the images on which each unit fires; NaN for units without a score.
        not_finite: how many outputs were NaN or infinite; they count as not firing.
    """

    layer: str
    scores: Mapping[str, Tensor]
    rate: Tensor
    not_finite: int

    @property
    def unscored(self) -> int:
        """How many units have no score, because they do not fire on enough images or fire on all of them."""
        return int(self.rate.isnan().sum())

    def score(self, family: str) -> float:
        """Return the layer's score, the mean of its best fifth of units; NaN if no unit has a score."""
        scores = self.scores[family]
        scores = scores[scores.isfinite()]
        return float(scores.topk(math.ceil(BEST * len(scores))).values.mean()) if len(scores) else math.nan

    @property
    def mean(self) -> float:
        """Mean of the layer's scores over the families."""
        return sum(map(self.score, self.scores)) / len(self.scores)

    def records(self) -> list[Record]:
        """Return a row for each family."""
        return [
            {
                "layer": self.layer,
                "transform": family,
                "score": self.score(family),
                "units": len(self.rate),
                "unscored": self.unscored,
                "not_finite": self.not_finite,
            }
            for family in self.scores
        ]


def invariance_scores(
    model: nn.Module,
    batches: Iterable[Any],
    *,
    layers: Sequence[str] | None = None,
    transforms: Mapping[str, Sequence[Transform]] = FAMILIES,
    rate: float = 0.01,
) -> list[Invariance]:
    """Score how much more often units fire on moved versions of images that they fire on than on images in general.

    Unit i fires if its output reaches t_i. The threshold t_i is such that the share G_i of all images on which the unit
    fires is at least `rate`, and as small as possible. With Z_i these images and T the transforms:

        S_i = L_i / G_i,  L_i = 1/|Z_i| Σ_{x∈Z_i} 1/|T| Σ_{τ∈T} [unit i fires on τ(x)]

    A score of 1 means no invariance; a score of 1/`rate` means that no transform keeps the unit from firing. A layer's
    score is the mean of its best fifth of units. A unit is one channel in the middle of its map, whichever dimension
    holds the channels, or one output of a linear layer; the two halves of a CReLU are different units. Units whose
    output exceeds its minimum on less than `rate` of the images, such as dead units, have no score.

    Only the highest outputs of each unit are kept, a share `rate` of all. The batches are read three times, in any
    order, and have to be the same each time, without random augmentation.

    Args:
        model: any module that takes images (N, C, H, W).
        batches: tensors, (inputs, labels) or dictionaries.
        layers: names of calls of modules and functions, as `rectifiers.watching.calls` has them; None takes all
            activations, or the pooling that reads one where there is one.
        transforms: the transforms by family.
        rate: share of the images on which a unit shall fire.

    Returns:
        One entry for each layer, in forward order.

    Raises:
        ConfigError: there are too few images for `rate`, there are no layers, or the model fails on a batch.
        DataError: there are no batches, they have no images, or they can be read only once.
        UnknownNameError: there is no such layer; the message has the nearest names.

    Example:
        A unit that computes the sum of two pixels is invariant to flips, and one that computes their difference is not:

        >>> net = nn.Sequential(nn.Flatten(), nn.Linear(2, 2, bias=False), nn.ReLU())
        >>> with torch.no_grad():
        ...     _ = net[1].weight.copy_(torch.tensor([[1.0, 1.0], [1.0, -1.0]]))
        >>> images = torch.tensor([[3.0, 2.0], [1.0, 0.0], [0.5, 0.5], [0.0, 1.0]]).view(4, 1, 1, 2)
        >>> found, = invariance_scores(net, [images], transforms={"flip": flips()}, rate=0.25)
        >>> found.scores["flip"].tolist()
        [4.0, 0.0]
    """
    if not 0 < rate < 1:
        raise ConfigError(f"invariance_scores: rate must lie between 0 and 1, got {rate!r}")
    if not transforms or not all(transforms.values()):
        raise ConfigError("invariance_scores: expected at least one transform in each family; leave empty families out")
    model = look_at_whole(model)
    images = 0
    for index, batch in enumerate(read_batches(model, batches)):
        if index == 0:
            _check_images(batch)
            calls = list_calls(model, batch)
            chosen = _behind_pooling(calls) if layers is None else pick_calls(calls, layers)
        images += batch.size
    if not chosen:
        raise ConfigError(f"{type(model).__name__} calls no activation; name the layers to read")
    if images * rate < 1:
        raise ConfigError(
            f"no unit fires on {rate:.1%} of {images} images; give at least {math.ceil(1 / rate)}, or a higher rate"
        )
    # Rounding errors must not turn 1 % of 300 into 4.
    count = math.ceil(round(images * rate, 6))
    with evaluation(model):
        highest = {call.name: _Highest(count) for call in chosen}
        for batch in read_batches(model, batches):
            for name, values in read_outputs(model, batch, chosen, _units).items():
                highest[name].add(values)
        if any(units.images != images for units in highest.values()):
            raise DataError(
                f"the batches had {images} images when first read, and another number later; give a loader or a list "
                "that can be read several times"
            )
        counts = {name: _Counts(units, transforms) for name, units in highest.items()}
        for batch in read_batches(model, batches):
            firing = {
                name: counts[name].add(values) for name, values in read_outputs(model, batch, chosen, _units).items()
            }
            for family, members in transforms.items():
                for transform in members:
                    moved = read_outputs(model, _moved(batch, transform), chosen, _units)
                    for name, values in moved.items():
                        counts[name].add_moved(family, firing[name], values)
    return [counts[call.name].invariance(call.name, transforms, images) for call in chosen]


class _Highest:
    """The highest outputs of each unit, and its lowest.

    Args:
        count: how many of the highest outputs to keep.
    """

    def __init__(self, count: int) -> None:
        self.count, self.images, self.not_finite = count, 0, 0
        self.values = self.lowest = torch.empty(0)

    def add(self, values: Tensor) -> None:
        finite = values.isfinite()
        values = values.where(finite, -math.inf)
        if not self.images:
            self.values, self.lowest = values[:0], values.new_full(values.shape[1:], math.inf)
        self.images += len(values)
        self.not_finite += int((~finite).sum())
        together = torch.cat([self.values, values])
        self.values = together.topk(min(self.count, len(together)), dim=0).values
        self.lowest = self.lowest.minimum(values.where(finite, math.inf).amin(0))

    @property
    def threshold(self) -> Tensor:
        """The output at which each unit fires; infinite for units that would fire on all images."""
        reached = self.values[-1]
        return reached.where((reached > self.lowest) & reached.isfinite(), math.inf)


class _Counts:
    """How often each unit fires on the images, and on moved versions of those that it fires on."""

    def __init__(self, highest: _Highest, families: Iterable[str]) -> None:
        self.threshold, self.not_finite = highest.threshold, highest.not_finite
        self.fired = torch.zeros(len(self.threshold), dtype=torch.int64, device=self.threshold.device)
        self.fired_moved = {family: self.fired.clone() for family in families}

    def _fires(self, values: Tensor) -> Tensor:
        return (values >= self.threshold) & values.isfinite()

    def add(self, values: Tensor) -> Tensor:
        """Count the units that fire on the images, and return which fire on which."""
        firing = self._fires(values)
        self.fired += firing.sum(0)
        return firing

    def add_moved(self, family: str, firing: Tensor, values: Tensor) -> None:
        self.fired_moved[family] += (firing & self._fires(values)).sum(0)

    def invariance(self, layer: str, transforms: Mapping[str, Sequence[Transform]], images: int) -> Invariance:
        fired = self.fired.double().where(self.fired > 0, math.nan).cpu()
        rate = fired / images
        scores = {
            family: moved.cpu() / (fired * len(transforms[family])) / rate for family, moved in self.fired_moved.items()
        }
        return Invariance(layer, scores, rate, self.not_finite)


def _behind_pooling(calls: Sequence[Call]) -> list[Call]:
    """Return the activations, or in their place the poolings that read their outputs directly."""
    poolings = {call.source: call for call in calls if call.role == "pooling" and call.source is not None}
    return [poolings.get(index, call) for index, call in enumerate(calls) if call.role == "activation"]


def _units(output: Tensor) -> Tensor:
    """Return the outputs of the units, (N, units) in float32: the middle of each map, or the output itself."""
    if not isinstance(output, Tensor) or output.ndim < 2:
        raise ConfigError("invariance_scores: a layer gives no tensor (N, units, …); name other layers")
    for size in output.shape[2:]:
        output = output.select(2, size // 2)
    return output.float().clone()


def _moved(batch: Batch, transform: Transform) -> Batch:
    return batch.map(lambda leaf: transform(leaf.float()).to(leaf.dtype) if _is_image(leaf) else leaf)


def _check_images(batch: Batch) -> None:
    if not any(_is_image(leaf) for leaf in tree_leaves((batch.args, batch.kwargs))):
        raise DataError("invariance_scores: expected images (N, C, H, W) of floating-point numbers in the batches")


def _is_image(leaf: Any) -> bool:
    return isinstance(leaf, Tensor) and leaf.ndim == 4 and leaf.is_floating_point()
