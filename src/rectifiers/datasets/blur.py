"""The Gaussian filter, on images of 8 bits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..core.errors import ShapeError
from ..core.lazy import functional as F
from ..core.lazy import torch

if TYPE_CHECKING:
    from torch import Tensor

_REACH = 4.0
_AT_ONCE = 1000


def radius(sigma: float) -> int:
    """Count the pixels to either side that the filter covers: all within four standard deviations.

    >>> radius(1.0)
    4
    """
    return max(1, round(_REACH * sigma))


def gaussian_blur(images: Tensor, sigma: Tensor, reach: int) -> Tensor:
    """Convolve every image with G(x, y) ∝ exp(−(x² + y²) / 2σ²), mirrored at its borders, and round it.

    Args:
        images: uint8, N×C×H×W.
        sigma: N, standard deviation for each image, in pixels.
        reach: pixels to either side that the filter covers; it sums to 1 over them.

    Returns:
        uint8, N×C×H×W.

    Raises:
        ShapeError: the images are not larger than the reach.

    Example:
        >>> dot = torch.zeros(1, 1, 9, 9, dtype=torch.uint8)
        >>> dot[..., 4, 4] = 255
        >>> gaussian_blur(dot, torch.tensor([1.0]), reach=4)[0, 0, 4].tolist()  # 255 exp(-x²/2) / 2π
        [0, 0, 5, 25, 41, 25, 5, 0, 0]
    """
    if min(images.shape[2:]) <= reach:
        raise ShapeError(
            f"a Gaussian filter that reaches {reach} pixels needs images larger than that, "
            f"got {images.shape[2]}×{images.shape[3]}; use a smaller sigma"
        )
    blurred = torch.empty_like(images)
    for start in range(0, len(images), _AT_ONCE):
        run = slice(start, start + _AT_ONCE)
        blurred[run] = _blur(images[run], sigma[run], reach)
    return blurred


def _blur(images: Tensor, sigma: Tensor, reach: int) -> Tensor:
    channels = images.shape[1]
    distance = torch.arange(-reach, reach + 1, device=images.device)
    weights = (-0.5 * (distance / sigma[:, None]) ** 2).exp()
    weights = (weights / weights.sum(1, keepdim=True)).repeat_interleave(channels, 0)[:, None]
    planes = F.pad(images.float(), (reach,) * 4, mode="reflect").flatten(0, 1)[None]
    planes = F.conv2d(planes, weights[..., None, :], groups=len(weights))
    planes = F.conv2d(planes, weights[..., None], groups=len(weights))
    return planes.round_().to(torch.uint8).view_as(images)
