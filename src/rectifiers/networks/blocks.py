"""Pieces that several networks are made of."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any, ClassVar

from torch import Tensor, nn

from ..activations import channel_factor
from ..core.checks import check_count, check_number, check_positive
from ..core.errors import ConfigError, ShapeError
from ..core.wording import plural
from .spec import NetworkSpec

Act = Callable[[int], nn.Module]
"""Makes an activation for a number of channels."""

Halve = bool | Collection[int]
"""Which convolutions get half their filters: all, none, or those before these activation sites."""


class Network(nn.Sequential):
    """Base of the networks whose parts follow one another.

    Attributes:
        spec: all facts about the network.
    """

    spec: ClassVar[NetworkSpec]

    def forward(self, inputs: Tensor) -> Tensor:
        """Compute the logits of a batch."""
        logits: Tensor = super().forward(inputs)
        return logits


def activate(act: Act, channels: int) -> tuple[nn.Module, int]:
    """Make an activation for `channels` channels, and tell how many channels come out of it.

    Raises:
        ShapeError: the activation would leave a fraction of a channel.
    """
    module = act(channels)
    factor = channel_factor(module)
    out = channels * factor
    if out.denominator != 1:
        name, multiple = type(module).__name__, factor.denominator
        raise ShapeError(f"{name} cannot take {plural(channels, 'channel')}; it needs a multiple of {multiple}")
    return module, int(out)


def activate_evenly(act: Act, channels: int, reason: str) -> nn.Module:
    """Make an activation at a site where as many channels have to come out as go in.

    Args:
        act: makes an activation for a number of channels.
        channels: number of channels.
        reason: why their number has to stay, for the error.

    Raises:
        ShapeError: the activation changes the number of channels.
    """
    module, out = activate(act, channels)
    if out != channels:
        raise ShapeError(
            f"{type(module).__name__} makes {out} channels out of {channels}, but {reason}; "
            "place a function here that keeps the number of channels (rectifiers.networks.placement)"
        )
    return module


def conv_norm(channels: int, filters: int, kernel: int, *, eps: float = 1e-5, **options: Any) -> list[nn.Module]:
    """Make a convolution that keeps the sides at stride 1, and batch normalisation after it.

    Args:
        channels: channels in.
        filters: channels out.
        kernel: side of the kernel.
        eps: what the normalisation adds to the variance.
        **options: of the convolution.
    """
    convolution = nn.Conv2d(channels, filters, kernel, padding=kernel // 2, **options)
    return [convolution, nn.BatchNorm2d(filters, eps=eps)]


def enlarge_images(network: str, factor: int, shape: tuple[int, ...]) -> tuple[list[nn.Module], tuple[int, ...]]:
    """Make the layer that first enlarges images bilinearly, if any, and give the shape that they then have.

    Args:
        network: name of the network, for errors.
        factor: factor of the sides; 1 leaves images as they are.
        shape: (channels, height, width).

    Raises:
        ConfigError: `factor` is not a positive integer.
    """
    if check_count(network, "enlarge", factor) == 1:
        return [], shape
    return [nn.Upsample(scale_factor=factor, mode="bilinear")], (*shape[:1], *(side * factor for side in shape[1:]))


def scale_channels(network: str, channels: int, width: float) -> int:
    """Multiply `channels` by `width`, rounded, and at least 1.

    Raises:
        ConfigError: `width` is not a positive number.
    """
    return max(1, round(channels * check_positive(network, "width", width)))


def halve_filters(network: str, filters: Sequence[int], halve: Halve) -> list[int]:
    """Halve the numbers of filters before the sites that `halve` names.

    Args:
        network: name of the network, for errors.
        filters: number of filters of the convolution before each site, in forward order.
        halve: the sites.

    Raises:
        ConfigError: there is no such site, or its number of filters is odd.

    Example:
        >>> halve_filters("VGG", [64, 64, 128], halve=[0, 2])
        [32, 64, 64]
    """
    count = len(filters)
    sites = set(range(count if halve else 0)) if isinstance(halve, bool) else set(halve)
    if unknown := sorted(sites - set(range(count))):
        raise ConfigError(f"{network} can halve the filters before sites 0 to {count - 1}, got halve={unknown}")
    if odd := sorted(site for site in sites if filters[site] % 2):
        raise ConfigError(f"{network} cannot halve {filters[odd[0]]} filters before site {odd[0]}; use an even number")
    return [number // 2 if site in sites else number for site, number in enumerate(filters)]


def check_dropout(network: str, factor: float) -> None:
    """Make sure that the factor of all dropout rates lies between 0 and 1.

    Args:
        network: name of the network, for errors.
        factor: the factor.

    Raises:
        ConfigError: it lies outside.
    """
    if not 0 <= check_number(network, "dropout", factor) <= 1:
        raise ConfigError(f"{network} needs a `dropout` between 0 and 1, the factor of its dropout rates; got {factor}")


def check_side(network: str, shape: tuple[int, ...], side: int) -> int:
    """Return the number of channels of images that must be `side` × `side`.

    Raises:
        ShapeError: they have another size.
    """
    channels, height, width = check_image(network, shape)
    if (height, width) != (side, side):
        raise ShapeError(f"{network} takes images of {side}×{side}, got {height}×{width}; choose another network")
    return channels


def check_least_side(network: str, shape: tuple[int, ...], side: int) -> int:
    """Return the number of channels of images that must be at least `side` × `side`.

    Raises:
        ShapeError: they are smaller.
    """
    channels, height, width = check_image(network, shape)
    if min(height, width) < side:
        raise ShapeError(
            f"{network} takes images of at least {side}×{side}, got {height}×{width}; choose another network"
        )
    return channels


def check_image(network: str, shape: tuple[int, ...]) -> tuple[int, int, int]:
    """Return channels, height and width of a shape that must be that of an image.

    Raises:
        ShapeError: it is not.
    """
    if len(shape) != 3 or min(shape) < 1:
        raise ShapeError(f"{network} takes images (channels, height, width), got shape {tuple(shape)}")
    return shape[0], shape[1], shape[2]
