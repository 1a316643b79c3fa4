"""A grouped convolution with additional channels, which sorts its input's channels by group."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from .derived import Derived, derive_class


class Gathered(Derived):
    """What the class of a grouped convolution gets in front of its own: it sorts its input's channels by group."""

    kernel_size: tuple[int, ...]
    gather: Tensor

    def forward(self, x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        """Bring both phases of a group's channels together, and apply the convolution."""
        y: Tensor = super().forward(x.index_select(-1 - len(self.kernel_size), self.gather), *args, **kwargs)
        return y


def gathered_class(base: type[nn.Module]) -> type[nn.Module]:
    """The class of a grouped convolution of class `base` that sorts its input."""
    return derive_class(Gathered, base, gathered_class)
