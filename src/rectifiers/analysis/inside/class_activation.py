"""Where a network looks: class activation maps from gradients (Selvaraju et al., 2017; AReLU, Figure 4)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.graph import GradientEdge, get_gradient_edge
from torch.utils._pytree import tree_leaves

from ...core.errors import ConfigError
from ...watching.calls import Call, list_calls, pick_calls, watch_calls
from ...watching.feeding import Batch, read_batch
from ...watching.preserve import evaluation
from ...watching.wrappers import look_at_whole
from .measured import Measured, Record


@dataclass(frozen=True)
class GradCAM(Measured):
    """Class activation maps of one layer.

    Args:
        layer: name of the layer's call.
        target: (N,) the class that each map is for.
        score: (N,) the network's output for that class.
        maps: (N, H, W) in float32, at least 0, in the size of the layer's output.
    """

    layer: str
    target: Tensor
    score: Tensor
    maps: Tensor

    def upsampled(self, size: Sequence[int]) -> Tensor:
        """Return the maps in the size of the image, bilinear, each scaled to values from 0 to 1; empty maps stay 0."""
        maps = F.interpolate(self.maps[:, None], tuple(size), mode="bilinear", align_corners=False)[:, 0]
        low, high = maps.amin((1, 2), keepdim=True), maps.amax((1, 2), keepdim=True)
        return ((maps - low) / (high - low).where(high > low, 1.0)).where(high > low, 0.0)

    def records(self) -> list[Record]:
        """Return a row for each image; `focus` is the share of a map's sum in its largest tenth of pixels."""
        flat = self.maps.flatten(1)
        top = flat.topk(max(1, flat.shape[1] // 10)).values.sum(1)
        total = flat.sum(1)
        return [
            {
                "layer": self.layer,
                "image": number,
                "class": int(self.target[number]),
                "score": float(self.score[number]),
                "focus": float(top[number] / total[number]) if total[number] > 0 else math.nan,
                "finite": bool(flat[number].isfinite().all()),
            }
            for number in range(len(flat))
        ]


def grad_cam(
    model: nn.Module, batch: Any, *, layer: str | None = None, target: int | Sequence[int] | Tensor | None = None
) -> GradCAM:
    """Map the parts of each image that speak for a class (Grad-CAM).

    With A_k the maps of a layer's output and y the network's output for the class:

        map = max(0, Σ_k w_k·A_k),  w_k = mean of ∂y/∂A_k over all pixels

    A is copied as soon as the layer returns it, so that the map is right even if a later activation writes over A.

    Args:
        model: any module whose output is (N, classes), or (N, classes, …), which is summed over all pixels; used in
            evaluation mode and left as it was.
        batch: images, or a batch as a loader gives it.
        layer: name of the call of a module or function, as `rectifiers.watching.calls` has it: `features.3` or
            `block:relu#2`; None takes the last activation whose maps have more than one pixel.
        target: the class, for all or for each image; None takes the class that the network predicts.

    Raises:
        ConfigError: the layer has no maps, there is no such class, or the output does not depend on the layer.
        DataError: the batch has no images.
        UnknownNameError: there is no such layer; the message has the nearest names.

    Example:
        >>> net = nn.Sequential(nn.Conv2d(1, 1, 1, bias=False), nn.ReLU(), nn.Flatten(), nn.Linear(4, 1, bias=False))
        >>> _ = [nn.init.ones_(net[index].weight) for index in (0, 3)]
        >>> grad_cam(net, torch.tensor([[[[0.0, 1.0], [-2.0, 3.0]]]]), layer="1").maps.tolist()
        [[[0.0, 1.0], [0.0, 3.0]]]
    """
    model = look_at_whole(model)
    ready = read_batch(model, batch)
    calls = list_calls(model, ready)
    watched = _last_map(model, calls) if layer is None else pick_calls(calls, [layer])[0]
    if len(watched.shape) != 4:
        raise ConfigError(
            f"grad_cam: {watched.name} gives no maps (N, C, H, W) but a shape of {watched.shape}; name another layer"
        )
    maps: list[Tensor] = []
    edges: list[GradientEdge] = []

    def end(_: Call, output: Any) -> None:
        if output.requires_grad:
            maps.append(output.detach().clone())
            edges.append(get_gradient_edge(output))

    with evaluation(model, gradients=True):
        scores = _class_scores(model, watch_calls(model, _with_gradients(ready), [watched], end=end))
        classes = _classes(scores, target)
        chosen = scores.gather(1, classes[:, None])[:, 0]
        gradient = torch.autograd.grad(chosen.sum(), edges, allow_unused=True)[0] if edges else None
    if gradient is None:
        raise ConfigError(
            f"grad_cam: the model's output does not depend on {watched.name}; name a layer that it depends on"
        )
    weights = watched.as_maps(gradient).float().mean((2, 3), keepdim=True)
    cam = (weights * watched.as_maps(maps[0]).float()).sum(1).relu()
    return GradCAM(watched.name, classes.cpu(), chosen.detach().float().cpu(), cam.cpu())


def _last_map(model: nn.Module, calls: Sequence[Call]) -> Call:
    """Return the last activation whose maps have more than one pixel."""
    for call in reversed(calls):
        if call.role == "activation" and len(call.shape) == 4 and math.prod(call.map_shape[2:]) > 1:
            return call
    raise ConfigError(f"{type(model).__name__} calls no activation on maps of more than one pixel; name a layer")


def _with_gradients(batch: Batch) -> Batch:
    """Let the inputs require gradients, so that frozen models have gradients too."""
    return batch.map(lambda leaf: leaf.detach().requires_grad_() if leaf.is_floating_point() else leaf)


def _class_scores(model: nn.Module, result: Any) -> Tensor:
    scores = next((leaf for leaf in tree_leaves(result) if isinstance(leaf, Tensor)), None)
    if scores is None or scores.ndim < 2:
        given = type(result).__name__ if scores is None else tuple(scores.shape)
        raise ConfigError(f"grad_cam: expected an output (N, classes) of {type(model).__name__}, got {given}")
    return scores.flatten(2).sum(2) if scores.ndim > 2 else scores


def _classes(scores: Tensor, target: int | Sequence[int] | Tensor | None) -> Tensor:
    if target is None:
        return scores.argmax(1)
    classes = torch.as_tensor(target, dtype=torch.int64, device=scores.device)
    if classes.ndim > 1 or (classes.ndim and len(classes) != len(scores)):
        raise ConfigError(
            f"grad_cam: expected one class or {len(scores)}, one for each image, got a shape of {tuple(classes.shape)}"
        )
    if bool(((classes < 0) | (classes >= scores.shape[1])).any()):
        raise ConfigError(f"grad_cam: classes are 0 to {scores.shape[1] - 1}, got {classes.tolist()}")
    return classes.expand(len(scores))
