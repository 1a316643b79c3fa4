"""The feature maps before and after an activation, channel by channel (AReLU, Figure 1)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from ...core.errors import ConfigError
from ...watching.calls import Call, list_calls, pick_calls, watch_calls
from ...watching.feeding import read_batch
from ...watching.preserve import evaluation
from ...watching.wrappers import look_at_whole
from .measured import Measured, Record


@dataclass(frozen=True)
class FeatureMaps(Measured):
    """Feature maps before and after one activation.

    Args:
        layer: name of the activation's call.
        before: (N, C, …) in float32, its input; channels that the model has last are moved here.
        after: (N, C′, …) in float32, its output; C′ is 2C for CReLU.
    """

    layer: str
    before: Tensor
    after: Tensor

    def records(self) -> list[Record]:
        """Return a row for each channel before and after, over the finite values of all images and pixels."""
        return [
            {"layer": self.layer, "where": where, "channel": channel, **_summary(values)}
            for where, maps in (("before", self.before), ("after", self.after))
            for channel, values in enumerate(maps.transpose(0, 1).flatten(1))
        ]


def feature_maps(model: nn.Module, batch: Any, *, layers: Sequence[str] | None = None) -> list[FeatureMaps]:
    """Return the feature maps before and after each activation for the images of a batch.

    Inputs are copied before an activation can write over them.

    Args:
        model: any module; used in evaluation mode and left as it was.
        batch: images, or a batch as a loader gives it.
        layers: names of activations, as `rectifiers.watching.calls` has them; None takes all, in forward order.

    Raises:
        ConfigError: the model calls no activation, or the output of a layer is not a tensor (N, C, …).
        DataError: the batch has no images.
        UnknownNameError: there is no such layer; the message has the nearest names.

    Example:
        >>> import torch
        >>> found, = feature_maps(nn.ReLU(inplace=True), torch.tensor([[-1.0, 2.0]]))
        >>> found.before.tolist(), found.after.tolist()
        ([[-1.0, 2.0]], [[0.0, 2.0]])
    """
    model = look_at_whole(model)
    ready = read_batch(model, batch)
    calls = list_calls(model, ready)
    chosen = [call for call in calls if call.role == "activation"] if layers is None else pick_calls(calls, layers)
    if not chosen:
        raise ConfigError(f"{type(model).__name__} calls no activation; name the layers to see")
    for call in chosen:
        if len(call.shape) < 2:
            raise ConfigError(f"feature_maps: {call.name} gives no tensor (N, C, …); name other layers")
    before: dict[str, Tensor] = {}
    after: dict[str, Tensor] = {}

    def copy(tensor: Tensor) -> Tensor:
        return tensor.detach().float().cpu().clone()

    def begin(call: Call, given: Tensor) -> None:
        before[call.name] = copy(call.as_maps(given))

    def end(call: Call, output: Any) -> None:
        after[call.name] = copy(call.as_maps(output))

    with evaluation(model):
        watch_calls(model, ready, chosen, begin=begin, end=end)
    return [FeatureMaps(call.name, before[call.name], after[call.name]) for call in chosen]


def _summary(values: Tensor) -> Record:
    finite = values[values.isfinite()]
    if not len(finite):
        return {"mean": math.nan, "min": math.nan, "max": math.nan, "positive": math.nan, "not_finite": len(values)}
    return {
        "mean": float(finite.double().mean()),
        "min": float(finite.min()),
        "max": float(finite.max()),
        "positive": float((finite > 0).double().mean()),
        "not_finite": len(values) - len(finite),
    }
