"""Networks of Ultralytics: the YOLOs by version and by task, each in its smallest size."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any

from torch import nn
from ultralytics.nn import tasks

from ..entry import Entry, image_entry

DETECTORS = ("yolov3-tiny", "yolov5n", "yolov6n", "yolov8n", "yolov9t", "yolov10n", "yolo11n", "yolo12n", "yolo26n")
OTHERS = {
    "yolov8n-ghost": "DetectionModel",
    "yolov8n-p2": "DetectionModel",
    "yolov8n-rtdetr": "RTDETRDetectionModel",
    "yolov8n-seg": "SegmentationModel",
    "yolov8n-pose": "PoseModel",
    "yolov8n-obb": "OBBModel",
    "yolov8n-cls": "ClassificationModel",
    "yolo11n-seg": "SegmentationModel",
    "yolo11n-pose": "PoseModel",
    "yolo11n-obb": "OBBModel",
    "yolo11n-cls": "ClassificationModel",
    "yolo26n-seg": "SegmentationModel",
    "rtdetr-resnet50": "RTDETRDetectionModel",
}
"""Networks for other tasks, and the class that makes each."""


def entries() -> Iterator[Entry]:
    """Yield the models."""
    for name, kind in (dict.fromkeys(DETECTORS, "DetectionModel") | OTHERS).items():
        yield image_entry(
            f"ultralytics/{name}", "Ultralytics", functools.partial(_make, name, kind), sizes=(64, 96, 128)
        )


def _make(name: str, kind: str) -> nn.Module:
    options: dict[str, Any] = {"verbose": False, "nc": 3, "ch": 3}
    model: nn.Module = getattr(tasks, kind)(f"{name}.yaml", **options)
    return model
