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
from .measured import Measured, Record


@dataclass(frozen=True)
class GradCAM(Measured):
    """Maps of one layer.

    Args:
        layer: its name.
        target: (N,) class that each map is for.
        score: (N,) what the network says for that class.
        maps: (N, H, W) in float32, the layer's size, at least 0.
    """

    layer: str
    target: Tensor
    score: Tensor
    maps: Tensor

    def upsampled(self, size: Sequence[int]) -> Tensor:
        """The maps in the size of the image, bilinear, each from 0 to 1; an empty map stays 0."""
        maps = F.interpolate(self.maps[:, None], tuple(size), mode="bilinear", align_corners=False)[:, 0]
        low, high = maps.amin((1, 2), keepdim=True), maps.amax((1, 2), keepdim=True)
        return ((maps - low) / (high - low).where(high > low, 1.0)).where(high > low, 0.0)

    def records(self) -> list[Record]:
        """One row for each image: class, score, the share of the map's weight in its largest tenth, empty or not."""
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
    """The parts of each image that speak for a class.

    With A_k the maps of a layer's output and y the network's output for the class:

        map = max(0, Σ_k w_k·A_k),  w_k = mean of ∂y/∂A_k over all places

    A is copied, and its place in the graph kept, when the layer ends: activations that write over it afterwards, that
    are called several times or that were swapped in leave the map right.

    Args:
        model: any module whose output is (N, classes), or (N, classes, …), which is summed over all places; used in
            evaluation mode and left as it was.
        batch: images, or what a loader yields.
        layer: name of a module or function, as `rectifiers.watching.calls` has it, `features.3` or `block:relu#2`;
            None: the last activation with a map of more than one place.
        target: the class, for all or for each image; None: the one that the network finds.

    Raises:
        ConfigError: no layer with a map, a class that is not there, or an output that does not depend on the layer.
        DataError: no images in the batch.
        UnknownNameError: no such layer, with the nearest names.

    Example:
        >>> net = nn.Sequential(nn.Conv2d(1, 1, 1, bias=False), nn.ReLU(), nn.Flatten(), nn.Linear(4, 1, bias=False))
        >>> _ = [nn.init.ones_(net[place].weight) for place in (0, 3)]
        >>> grad_cam(net, torch.tensor([[[[0.0, 1.0], [-2.0, 3.0]]]]), layer="1").maps.tolist()
        [[[0.0, 1.0], [0.0, 3.0]]]
    """
    ready = read_batch(model, batch)
    calls = list_calls(model, ready)
    here = _last_map(model, calls) if layer is None else pick_calls(calls, [layer])[0]
    if len(here.shape) != 4:
        raise ConfigError(f"grad_cam: {here.name} gives no maps (N, C, H, W) but {here.shape}; name another layer")
    maps: list[Tensor] = []
    edges: list[GradientEdge] = []

    def end(_: Call, output: Any) -> None:
        if output.requires_grad:
            maps.append(output.detach().clone())
            edges.append(get_gradient_edge(output))

    with evaluation(model, gradients=True):
        scores = _class_scores(model, watch_calls(model, _with_gradients(ready), [here], end=end))
        classes = _classes(scores, target)
        chosen = scores.gather(1, classes[:, None])[:, 0]
        gradient = torch.autograd.grad(chosen.sum(), edges, allow_unused=True)[0] if edges else None
    if gradient is None:
        raise ConfigError(f"grad_cam: the output has no gradient at {here.name}; name a layer on the way to it")
    weights = gradient.float().mean((2, 3), keepdim=True)
    cam = (weights * maps[0].float()).sum(1).relu()
    return GradCAM(here.name, classes.cpu(), chosen.detach().float().cpu(), cam.cpu())


def _last_map(model: nn.Module, calls: Sequence[Call]) -> Call:
    """The last activation with a map of more than one place."""
    for call in reversed(calls):
        if call.kind == "activation" and len(call.shape) == 4 and math.prod(call.shape[2:]) > 1:
            return call
    raise ConfigError(f"{type(model).__name__} calls no activation on maps of more than one place; name a layer")


def _with_gradients(batch: Batch) -> Batch:
    """Inputs that bring gradients to frozen models too."""
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
            f"grad_cam: expected one class or {len(scores)} for so many images, got {tuple(classes.shape)}"
        )
    if bool(((classes < 0) | (classes >= scores.shape[1])).any()):
        raise ConfigError(f"grad_cam: classes are 0 to {scores.shape[1] - 1}, got {classes.tolist()}")
    return classes.expand(len(scores))
