"""A convolution that pads with another number than zero."""

from __future__ import annotations

from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn

from .derived import Derived, derive_class


class Padded(Derived):
    """A base that is put in front of a convolution's class: it pads with a number of its own."""

    padding_value: float
    margins: tuple[int, ...]

    def forward(self, input: Tensor) -> Tensor:
        """Pad the input, and convolve it."""
        y: Tensor = super().forward(F.pad(input, self.margins, value=self.padding_value))
        return y

    def extra_repr(self) -> str:
        """Return what the convolution shows, and what it pads with."""
        return f"{super().extra_repr()}, margins={self.margins}, padding_value={self.padding_value:.4g}"


def pad_with(conv: Any, value: float) -> Any:
    """Let a convolution that pads with zeros pad with `value`; return what undoes it."""
    base, padding, margins = type(conv), conv.padding, tuple(conv._reversed_padding_repeated_twice)
    conv.__class__ = padded_class(base)
    vars(conv).update(padding_value=value, margins=margins, padding=(0,) * len(conv.kernel_size))

    def undo() -> None:
        conv.__class__ = base
        conv.padding = padding
        del conv.padding_value, conv.margins

    return undo


def padded_class(base: type[nn.Module]) -> type[nn.Module]:
    """Make the class of a convolution of class `base` that pads with a number of its own."""
    return derive_class(Padded, base, padded_class)
