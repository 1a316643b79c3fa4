"""Grouped convolutions with additional channels, which sort the channels of their input by group."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from .derived import Derived, derive_class


class Gathered(Derived):
    """A base that is put in front of a grouped convolution's class, and sorts the channels of the input by group."""

    kernel_size: tuple[int, ...]
    gather: Tensor

    def forward(self, input: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        """Put the old and the new channels of each group next to each other, and apply the convolution."""
        y: Tensor = super().forward(input.index_select(-1 - len(self.kernel_size), self.gather), *args, **kwargs)
        return y


def gathered_class(base: type[nn.Module]) -> type[nn.Module]:
    """Make the class of a grouped convolution of class `base` that sorts its input."""
    return derive_class(Gathered, base, gathered_class)
