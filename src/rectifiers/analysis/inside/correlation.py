"""Whether the two halves of CReLU are read alike: correlations of the weights that read them (CReLU, Table 6)."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ...activations.crelu import CReLU
from ...core.errors import ConfigError, ShapeError
from ...watching.calls import POOLING, Call, list_calls
from ...watching.feeding import read_batches
from ...watching.wrappers import look_at_whole
from .measured import Measured, Record

CHANNELWISE = (
    *POOLING,
    nn.Dropout,
    nn.Dropout1d,
    nn.Dropout2d,
    nn.Dropout3d,
    nn.Identity,
    nn.modules.batchnorm._BatchNorm,
)
"""Layers that may be between CReLU and the next convolution, because they do not mix channels."""


@dataclass(frozen=True)
class OutgoingCorrelation(Measured):
    """Absolute correlations of the weights with which a convolution reads the two halves of a CReLU.

    Args:
        layer: name of the CReLU.
        reader: name of the convolution.
        pair: (C,) for channel i and channel C + i; NaN if one of them is not read.
        unmatched: (C, C) for channel i and channel C + j; NaN on the diagonal.
    """

    layer: str
    reader: str
    pair: Tensor
    unmatched: Tensor

    def records(self) -> list[Record]:
        """Return means and standard deviations in two rows, one for pairs and one for all others."""
        return [
            {
                "layer": self.layer,
                "reader": self.reader,
                "weights": weights,
                "mean": _mean(values),
                "std": _std(values),
                "count": int(values.isfinite().sum()),
            }
            for weights, values in (("pair", self.pair), ("non-pair", self.unmatched))
        ]


def phase_correlation(weight: Tensor) -> tuple[Tensor, Tensor]:
    """Correlate the weights that read the positive phases with those that read the negative phases.

    With ŵ_i the weights that read channel i, scaled to unit length:

        c_ij = |⟨ŵ_i, ŵ_{C+j}⟩|

    Args:
        weight: (K, 2C, …) weight of the convolution that reads the 2C channels of a CReLU.

    Returns:
        c_ii of shape (C,), and c_ij with NaN on the diagonal of shape (C, C), both in float64; NaN also for channels
        whose weights are zero or not finite.

    Raises:
        ShapeError: the number of channels is odd.

    Example:
        >>> matched, unmatched = phase_correlation(torch.tensor([[1.0, 0.0, -2.0, 3.0], [0.0, 1.0, 0.0, 3.0]]))
        >>> [round(value, 4) for value in matched.tolist()], [round(value, 4) for value in unmatched[:, 0].tolist()[1:]]
        ([1.0, 0.7071], [0.0])
    """
    if weight.ndim < 2 or weight.shape[1] % 2:
        raise ShapeError(f"phase_correlation: expected a weight of shape (K, 2C, …), got {tuple(weight.shape)}")
    vectors = weight.detach().double().cpu().transpose(0, 1).flatten(1)
    length = vectors.norm(dim=1, keepdim=True)
    units = (vectors / length).where(length.isfinite() & (length > 0), math.nan)
    positive, negative = units.chunk(2)
    correlations = (positive @ negative.T).abs()
    apart = correlations.masked_fill(torch.eye(len(correlations), dtype=torch.bool), math.nan)
    return correlations.diagonal().clone(), apart


def outgoing_correlations(model: nn.Module, batches: Iterable[Any]) -> list[OutgoingCorrelation]:
    """Correlate the weights that read the two halves of every CReLU, in forward order, as `phase_correlation` does.

    Pooling, dropout and batch normalisation may be between the CReLU and the convolution (Shang et al., 2016, Table 6).

    Args:
        model: any module.
        batches: batches, of which the first shows which layer reads which.

    Raises:
        DataError: there are no batches.
        ConfigError: no CReLU of the model is read by a convolution without groups.

    Example:
        >>> from rectifiers import CReLU
        >>> net = nn.Sequential(nn.Conv2d(1, 4, 3), CReLU(), nn.MaxPool2d(2), nn.Conv2d(8, 2, 3))
        >>> found, = outgoing_correlations(net, [torch.zeros(1, 1, 12, 12)])
        >>> found.layer, found.reader, tuple(found.unmatched.shape)
        ('1', '3', (4, 4))
    """
    model = look_at_whole(model)
    calls = list_calls(model, next(read_batches(model, batches)))
    correlations = []
    for reader in calls:
        convolution = reader.module
        if not isinstance(convolution, nn.modules.conv._ConvNd) or convolution.groups > 1 or convolution.transposed:
            continue
        writer = _writer(calls, reader)
        if writer is not None:
            correlations.append(OutgoingCorrelation(writer.name, reader.name, *phase_correlation(convolution.weight)))
    if not correlations:
        raise ConfigError(
            f"{type(model).__name__} has no CReLU that is read by a convolution without groups; there are no pairs of "
            "weights to compare"
        )
    return correlations


def _writer(calls: list[Call], reader: Call) -> Call | None:
    """Return the CReLU whose channels a call reads, if nothing in between mixes them."""
    call = reader
    while call.source is not None and call.source >= 0:
        call = calls[call.source]
        if isinstance(call.module, CReLU) and call.module.channel_dim == 1:
            return call
        if call.role != "pooling" and not isinstance(call.module, CHANNELWISE):
            return None
    return None


def _mean(values: Tensor) -> float:
    return float(values.nanmean())


def _std(values: Tensor) -> float:
    finite = values[values.isfinite()]
    return float(finite.std()) if len(finite) > 1 else math.nan
