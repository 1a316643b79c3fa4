"""PyTorch's fused transformer layer, which no activation but its own can take."""

from __future__ import annotations

from torch import nn

from .edit import Undo


def leave_fast_path(model: nn.Module, layer: nn.Module) -> Undo:
    """PyTorch's fused transformer layer computes ReLU or GELU itself, whatever stands there; keep away from it.

    So must the encoder around the layer, whose padded batches no other path takes.
    """
    if not isinstance(layer, nn.TransformerEncoderLayer):
        return lambda: None
    encoders = [
        module
        for module in model.modules()
        if isinstance(module, nn.TransformerEncoder) and any(inner is layer for inner in module.modules())
    ]
    relu_or_gelu = layer.activation_relu_or_gelu
    nested = [encoder.use_nested_tensor for encoder in encoders]
    layer.activation_relu_or_gelu = 0
    for encoder in encoders:
        encoder.use_nested_tensor = False

    def undo() -> None:
        layer.activation_relu_or_gelu = relu_or_gelu
        for encoder, before in zip(encoders, nested, strict=True):
            encoder.use_nested_tensor = before

    return undo
