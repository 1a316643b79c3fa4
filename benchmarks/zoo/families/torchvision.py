"""All models of torchvision: classification, detection, segmentation, video, optical flow, and the quantisable ones."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any

import torch
import torchvision
from torch import Tensor, nn
from torchvision.models import detection, get_model, list_models, optical_flow, quantization, segmentation, video

from ..entry import SIZES, Entry, image_entry

CLIPS = (32, 64, 112, 224)
"""Heights of the frames of a clip."""


def entries() -> Iterator[Entry]:
    """Yield the models."""
    for name in list_models(module=torchvision.models):
        made = _classifier(name)
        sizes = (made["image_size"],) if "image_size" in made else SIZES
        yield image_entry(f"torchvision/{name}", "torchvision: classification", _maker(name, **made), sizes=sizes)
    for name in list_models(module=segmentation):
        yield image_entry(f"torchvision/{name}", "torchvision: segmentation", _maker(name, weights_backbone=None))
    for name in list_models(module=detection):
        yield _detector(name)
    for name in list_models(module=video):
        yield _clip(name)
    for name in list_models(module=optical_flow):
        yield Entry(
            f"torchvision/{name}", "torchvision: optical flow", _maker(name), lambda _: _pair(128), lambda _: _pair(136)
        )
    for name in list_models(module=quantization):
        own = {"init_weights": False} if name in ("quantized_googlenet", "quantized_inception_v3") else {}
        yield image_entry(f"torchvision/{name}", "torchvision: quantisable", _maker(name, quantize=False, **own))


def _classifier(name: str) -> dict[str, Any]:
    """What a classifier is made with: without the slow initial weights, and for small images where it has to know."""
    if name in ("googlenet", "inception_v3"):
        return {"init_weights": False}
    if name.startswith("vit"):
        return {"image_size": 56 if name == "vit_h_14" else 64}
    return {}


def _maker(name: str, **options: Any) -> functools.partial[nn.Module]:
    return functools.partial(get_model, name, weights=None, **options)


def _detector(name: str) -> Entry:
    """A detector, which scales its images; it gets small ones and their targets."""
    few: dict[str, Any] = {"detections_per_img": 5, "topk_candidates": 20}
    if "rcnn" in name:
        counts = [f"rpn_{which}_nms_top_n_{mode}" for which in ("pre", "post") for mode in ("train", "test")]
        few = {"box_detections_per_img": 5, **dict.fromkeys(counts, 10)}
    if not name.startswith("ssd"):
        few |= {"min_size": 64, "max_size": 96}

    return Entry(
        f"torchvision/{name}",
        "torchvision: detection",
        _maker(name, weights_backbone=None, **few),
        lambda _: ([torch.rand(3, 64, 80)],),
        lambda _: ([torch.rand(3, 80, 72), torch.rand(3, 64, 64)],),
        # Two images, because a norm takes no single value per channel in training.
        lambda _: ([torch.rand(3, 64, 80), torch.rand(3, 64, 80)], [_target(name), _target(name)]),
    )


def _target(name: str) -> dict[str, Tensor]:
    """The targets of one image: two boxes, with masks or keypoints where the model takes them."""
    boxes = torch.tensor([[4.0, 4.0, 60.0, 50.0], [10.0, 20.0, 70.0, 60.0]])
    target = {"boxes": boxes, "labels": torch.tensor([1, 1])}
    if name.startswith("mask"):
        target["masks"] = torch.ones(2, 64, 80, dtype=torch.uint8)
    if name.startswith("keypoint"):
        target["keypoints"] = torch.cat([boxes.mean(1).view(2, 1, 1).expand(2, 17, 2), torch.ones(2, 17, 1)], dim=-1)
    return target


def _clip(name: str) -> Entry:
    """A model of clips, of 16 frames or as few as it takes."""
    frames = 16 if name.startswith(("mvit", "s3d")) else 8
    sizes = (224,) if name.startswith("mvit") else CLIPS
    return image_entry(
        f"torchvision/{name}",
        "torchvision: video",
        _maker(name),
        sizes=sizes,
        shape=lambda size: (2 if size < 200 else 1, 3, frames, size, size),
    )


def _pair(size: int) -> tuple[Tensor, Tensor]:
    """Two images, between which a flow is sought."""
    return torch.rand(1, 3, size, size), torch.rand(1, 3, size, size)
