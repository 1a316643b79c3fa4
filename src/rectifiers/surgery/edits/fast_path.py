"""PyTorch's fused transformer layers, which know no other activations than ReLU and GELU."""

from __future__ import annotations

from torch import nn

from .edit import Undo


def leave_fast_path(model: nn.Module, layer: nn.Module) -> Undo:
    """Keep `layer`, if it is a transformer layer, from PyTorch's fused path; return what lets it take the path again.

    The fused path computes ReLU or GELU itself, whatever activation the layer has. The encoder around the layer must
    not make nested tensors of padded batches either, because only the fused path takes them.
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
