"""Pieces that several networks are made of."""

from __future__ import annotations

from collections.abc import Callable

from torch import nn

from ..activations import channel_factor
from ..core.errors import ShapeError


def activate(act: Callable[[int], nn.Module], channels: int) -> tuple[nn.Module, int]:
    """An activation for `channels` channels, and how many channels come out of it.

    Raises:
        ShapeError: the activation would leave a fraction of a channel.
    """
    module = act(channels)
    factor = channel_factor(module)
    out = channels * factor
    if out.denominator != 1:
        name, multiple = type(module).__name__, factor.denominator
        raise ShapeError(f"{name} makes {out} channels out of {channels}; it needs a multiple of {multiple}")
    return module, int(out)


def check_side(network: str, shape: tuple[int, int, int], side: int) -> int:
    """The number of channels of `shape`, if its images are `side` × `side`.

    Raises:
        ShapeError: they are not.
    """
    channels, height, width = shape
    if (height, width) != (side, side):
        raise ShapeError(f"{network} takes images of {side}×{side}, got {height}×{width}; choose another network")
    return channels
