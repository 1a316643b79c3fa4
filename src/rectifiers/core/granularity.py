"""Granularity is one idea: how many units share a parameter.

`layer`: one value for everything. `channel`: one per channel. `element`: one per element of a sample.
The shape of a parameter says which: a single number, one axis, or all axes of a sample; coefficients (of a rational
function, say) stand in front. A module keeps a layer's single number with one axis, as `nn.PReLU` does, because sharded
training takes no parameter without axes; functions take either.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from operator import index
from typing import Literal, SupportsIndex, TypedDict

import torch
from torch import Tensor

from .errors import ConfigError, ShapeError

Share = Literal["layer", "channel", "element"]
SHARES: tuple[Share, ...] = ("layer", "channel", "element")


class Granularity(TypedDict, total=False):
    """Keyword arguments that every elementwise module takes.

    Attributes:
        share: `layer`, `channel` or `element`.
        channels: number of channels, or for `element` the shape of one sample; None infers it at the first call. A
            number given for `element`, as networks do, makes a parameter for each channel where samples have more axes.
        channel_dim: dimension that holds the channels.
        device: where the parameters are made.
        dtype: dtype of the parameters.
        inplace: taken so that a module stands in for `nn.ReLU`, whose makers give it; the input is never written over,
            because the derivative by the parameters needs it.
    """

    share: Share
    channels: int | Sequence[int] | None
    channel_dim: int
    device: torch.device | str | None
    dtype: torch.dtype | None
    inplace: bool


def check_share(owner: str, share: str) -> Share:
    """`share` itself, if it is one of the three words."""
    for known in SHARES:
        if share == known:
            return known
    raise ConfigError(f"{owner}: share must be one of {', '.join(SHARES)}, got {share!r}")


def check_channel_dim(owner: str, channel_dim: int) -> int:
    """`channel_dim` itself, if it is a whole number."""
    if isinstance(channel_dim, bool) or not isinstance(channel_dim, int):
        raise ConfigError(f"{owner}: channel_dim must be a whole number, got {channel_dim!r}")
    return channel_dim


def unit_shape(owner: str, share: Share, channels: int | Sequence[int] | None) -> tuple[int, ...] | None:
    """Shape of one parameter without its coefficients; None while it is not known.

    Raises:
        ConfigError: `channels` does not fit `share`.
    """
    if share == "layer":
        return ()
    if channels is None:
        return None
    sizes = tuple(channels) if isinstance(channels, Iterable) else (channels,)
    if not all(isinstance(size, SupportsIndex) and index(size) > 0 for size in sizes):
        raise ConfigError(f"{owner}: channels must be positive integers, got {channels!r}")
    shape = tuple(index(size) for size in sizes)
    if share == "channel" and len(shape) != 1:
        raise ConfigError(f"{owner}: share='channel' takes one number of channels, got {channels!r}")
    return shape


def infer_unit_shape(owner: str, share: Share, x: Tensor, channel_dim: int) -> tuple[int, ...]:
    """Shape of one parameter, read off the first input.

    Raises:
        ShapeError: the input has no such dimension.
    """
    if share == "layer":
        return ()
    if share == "channel":
        return (x.shape[channel_axis(owner, x, channel_dim)],)
    if x.ndim < 1:
        raise ShapeError(f"{owner}: share='element' needs a batch dimension, got a 0-d tensor")
    return tuple(x.shape[1:])


def with_axis(found: Tensor, own: Tensor) -> Tensor:
    """A saved value as the parameter `own` takes it: a layer's single number was once written without an axis."""
    return found.reshape(1) if not found.ndim and own.ndim == 1 and len(own) == 1 else found


def channel_axis(owner: str, x: Tensor, channel_dim: int) -> int:
    """`channel_dim` as a non-negative axis of `x`.

    Raises:
        ShapeError: the input has no such dimension.
    """
    if not -x.ndim <= channel_dim < x.ndim:
        raise ShapeError(
            f"{owner}: channels are expected in dimension {channel_dim}, "
            f"but the input has shape {tuple(x.shape)}; give channel_dim, or share='layer'"
        )
    return channel_dim % x.ndim


def spread(owner: str, name: str, parameter: Tensor, x: Tensor, channel_dim: int, coefficients: bool) -> Tensor:
    """`parameter` viewed so that it broadcasts over `x`, with the coefficient axis, if it has one, in front.

    Args:
        owner: name of the function, for errors.
        name: name of the parameter, for errors.
        parameter: of shape `()`, `(1,)`, `(channels,)` or `x.shape[1:]`, after the coefficient axis.
        x: the input.
        channel_dim: dimension of `x` that holds the channels.
        coefficients: whether `parameter` has a coefficient axis in front.

    Raises:
        ShapeError: the parameter fits none of the three granularities of this input.
    """
    lead = parameter.shape[:1] if coefficients else parameter.shape[:0]
    units = parameter.shape[len(lead) :]
    if len(units) == 0 or (len(units) == 1 and units[0] == 1):
        # Without an axis of coefficients, one of units broadcasts as it is over any input that has axes.
        ready = not coefficients and len(units) <= x.ndim
        return parameter if ready else parameter.reshape((*lead, *(1 for _ in range(x.ndim))))
    if len(units) == 1:
        axis = channel_axis(owner, x, channel_dim)
        if x.shape[axis] == units[0]:
            return parameter.reshape(*lead, *(units[0] if i == axis else 1 for i in range(x.ndim)))
    if units == x.shape[1:]:
        return parameter.unsqueeze(len(lead))
    expected = (
        f"{units[0]} channels in dimension {channel_dim}" if len(units) == 1 else f"samples of shape {tuple(units)}"
    )
    raise ShapeError(
        f"{owner}: {name} is for {expected}, but the input has shape {tuple(x.shape)}; "
        "make them fit, or give channel_dim"
    )
