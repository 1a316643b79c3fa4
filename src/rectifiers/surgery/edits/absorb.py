"""The edits by which layers take over what is taken out of an activation: its gain, its threshold, its offset."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd, _ConvTransposeNd
from torch.nn.modules.padding import _ConstantPadNd

from ..inserted.padded import pad_with
from .edit import Undo, chain_undos, submodule
from .tensors import write


def is_inputs_first(layer: nn.Module) -> bool:
    """Whether this is the linear layer of GPT-2 in Transformers, `Conv1D`, which has a bias, and weights (in, out)."""
    kind = type(layer)
    return kind.__module__ == "transformers.pytorch_utils" and kind.__name__ == "Conv1D"


@dataclass(frozen=True)
class AbsorbAffine:
    """Lets a layer give g·(y − t) for its output y: a convolution, a linear layer, or a norm with weights.

    Args:
        path: path of the layer.
        gain: g, a number for each channel of the output, or a single one for all.
        threshold: t, in the same form.
    """

    kind: ClassVar[str] = "absorb affine"
    path: str
    gain: tuple[float, ...]
    threshold: tuple[float, ...]

    def apply(self, model: nn.Module) -> Undo:
        """Change `model`; return what changes it back."""
        layer: Any = submodule(model, self.path)
        weight: Tensor = layer.weight
        gain, threshold = (torch.tensor(part, dtype=torch.float64) for part in (self.gain, self.threshold))
        transposed = isinstance(layer, _ConvTransposeNd)
        groups = layer.groups if transposed else 1
        count = weight.shape[1 if transposed or is_inputs_first(layer) else 0] * groups
        each = gain.expand(count)
        if is_inputs_first(layer):
            factor = each
        elif transposed:
            # The weights of a transposed convolution are (in, out / groups, …).
            rows = each.reshape(groups, 1, -1).expand(-1, weight.shape[0] // groups, -1).reshape(weight.shape[0], -1)
            factor = rows.reshape(*rows.shape, *(1 for _ in weight.shape[2:]))
        else:
            factor = each.reshape(-1, *(1 for _ in weight.shape[1:]))
        bias = torch.zeros(count, dtype=torch.float64) if layer.bias is None else _wide(layer.bias)
        return chain_undos(
            _set_bias(layer, (bias - threshold) * gain, lambda now: now / gain + threshold),
            write(layer, "weight", _wide(weight) * factor, lambda now: _wide(now) / factor),
        )

    def to_json(self) -> dict[str, Any]:
        """Return the edit as plain data, without its kind."""
        return {"path": self.path, "gain": list(self.gain), "threshold": list(self.threshold)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> AbsorbAffine:
        """Read the edit that `to_json` wrote."""
        return cls(data["path"], _numbers(data["gain"]), _numbers(data["threshold"]))


@dataclass(frozen=True)
class AbsorbOffset:
    """Lets a layer give for x − c what it gave for x: a convolution, a linear layer, or a batch norm.

    A module that pads with a number gives for x − c what it gave for x, less c.

    Args:
        path: path of the layer.
        offset: c, a number for each channel of the input.
        pad: what a convolution pads with from now on, instead of zeros; None if it pads with nothing or its input.
    """

    kind: ClassVar[str] = "absorb offset"
    path: str
    offset: tuple[float, ...]
    pad: float | None = None

    def apply(self, model: nn.Module) -> Undo:
        """Change `model`; return what changes it back."""
        layer: Any = submodule(model, self.path)
        offset = torch.tensor(self.offset, dtype=torch.float64)
        if isinstance(layer, _ConstantPadNd):
            before = layer.value
            layer.value = before - self.offset[0]
            return lambda: setattr(layer, "value", before)
        if isinstance(layer, _BatchNorm):
            assert layer.running_mean is not None
            return write(layer, "running_mean", _wide(layer.running_mean) - offset, lambda now: _wide(now) + offset)
        bias = 0.0 if layer.bias is None else _wide(layer.bias)
        undo = _set_bias(layer, bias + _response(layer, offset), lambda now: now - _response(layer, offset))
        return undo if self.pad is None else chain_undos(pad_with(layer, self.pad), undo)

    def to_json(self) -> dict[str, Any]:
        """Return the edit as plain data, without its kind."""
        return {"path": self.path, "offset": list(self.offset), "pad": self.pad}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> AbsorbOffset:
        """Read the edit that `to_json` wrote."""
        return cls(data["path"], _numbers(data["offset"]), None if data["pad"] is None else float(data["pad"]))


def _numbers(data: Sequence[Any]) -> tuple[float, ...]:
    return tuple(map(float, data))


def _wide(tensor: Tensor) -> Tensor:
    return tensor.detach().to("cpu", torch.float64)


def _response(layer: Any, offset: Tensor) -> Tensor:
    """Return what a layer without its bias makes of a constant for each channel."""
    weight = _wide(layer.weight).T if is_inputs_first(layer) else _wide(layer.weight)
    if isinstance(layer, _ConvNd):
        weight = weight.flatten(2).sum(2)
    groups = layer.groups if isinstance(layer, _ConvNd) else 1
    # Rows of (out / groups, in / groups), group by group.
    parts = weight.reshape(groups, -1, weight.shape[1]) @ offset.reshape(groups, -1, 1)
    return parts.reshape(-1)


def _set_bias(layer: Any, value: Tensor, inverse: Callable[[Tensor], Tensor]) -> Undo:
    """Give a layer a bias, with what makes the old one of it; a new one if it had none and needs one."""
    if layer.bias is not None:
        return write(layer, "bias", value, lambda now: inverse(_wide(now)))
    if not value.any():
        return lambda: None
    weight: Tensor = layer.weight
    layer.bias = nn.Parameter(value.to(weight.device, weight.dtype), requires_grad=weight.requires_grad)

    def undo() -> None:
        layer.bias = None

    return undo
