"""The learned parameters of a model's activations, and how they are distributed in each layer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from ...core.checks import check_count
from ...core.errors import ConfigError
from ...watching.kinds import spec_of


@dataclass(frozen=True)
class ParameterHistogram:
    """The values of one parameter in one layer, as in Figure 6 of the ConvReLU paper.

    Args:
        layer: name of the activation's module; empty for the model itself.
        parameter: name of the parameter.
        edges: of the bins, the same in all layers.
        counts: values per bin.
        count: how many values, those that are not finite included.
        not_finite: values that are NaN or infinite, which all other figures leave out.
        mean: of the values.
        std: root of their mean squared deviation.
        low: smallest.
        high: largest.
    """

    layer: str
    parameter: str
    edges: tuple[float, ...]
    counts: tuple[int, ...]
    count: int
    not_finite: int
    mean: float
    std: float
    low: float
    high: float


def learned(model: nn.Module) -> Iterator[tuple[str, str, Tensor]]:
    """Layer, name and values of every trained parameter of an activation; ConvReLU's thresholds too."""
    for layer, module in model.named_modules():
        spec = spec_of(module)
        if spec is not None:
            for parameter in spec.parameters:
                values = getattr(module, parameter.name)
                if not is_lazy(values):
                    yield layer, parameter.name, values.detach()
        elif isinstance(module, nn.PReLU):
            yield layer, "weight", module.weight.detach()


def parameter_histograms(model: nn.Module, bins: int = 50) -> list[ParameterHistogram]:
    """How each parameter of the activations is distributed, layer by layer, in bins that all layers share.

    Args:
        model: any module.
        bins: how many, over the range of all layers.

    Raises:
        ConfigError: no activation with parameters, or `bins` is no count.

    Example:
        >>> from rectifiers import AdaReLU
        >>> theta = AdaReLU(channels=4)
        >>> _ = theta.theta.data.copy_(torch.tensor([0.0, 0.0, 0.5, 1.0]))
        >>> parameter_histograms(theta, bins=2)[0].counts
        (2, 2)
    """
    check_count("parameter_histograms", "bins", bins)
    found = list(learned(model))
    if not found:
        raise ConfigError(
            f"{type(model).__name__} has no activation with parameters: nothing to count. Swap one in, or call the "
            "model once if it infers its channels"
        )
    ranges: dict[str, Tensor] = {}
    for _, name, values in found:
        ranges[name] = torch.cat([ranges.get(name, torch.empty(0, dtype=torch.float64)), _finite(values)])
    edges = {name: _edges(values, bins) for name, values in ranges.items()}
    return [_count(layer, name, values, edges[name]) for layer, name, values in found]


def _edges(values: Tensor, bins: int) -> Tensor:
    low, high = (float(values.min()), float(values.max())) if len(values) else (0.0, 0.0)
    if low == high:
        low, high = low - 0.5, high + 0.5
    return torch.linspace(low, high, bins + 1, dtype=torch.float64)


def _count(layer: str, name: str, values: Tensor, edges: Tensor) -> ParameterHistogram:
    finite = _finite(values)
    empty = not len(finite)
    return ParameterHistogram(
        layer=layer,
        parameter=name,
        edges=tuple(edges.tolist()),
        counts=tuple(torch.histogram(finite, edges).hist.long().tolist()),
        count=values.numel(),
        not_finite=values.numel() - len(finite),
        mean=float("nan") if empty else float(finite.mean()),
        std=float("nan") if empty else float(finite.std(correction=0)),
        low=float("nan") if empty else float(finite.min()),
        high=float("nan") if empty else float(finite.max()),
    )


def _finite(values: Tensor) -> Tensor:
    flat = values.cpu().double().flatten()
    return flat[flat.isfinite()]
