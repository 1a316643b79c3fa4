"""What is evaluated of an image: its centre, ten patches, or the means of its squares."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..core.errors import ShapeError
from ..core.lazy import functional as F
from ..core.lazy import torch

if TYPE_CHECKING:
    from torch import Tensor


def shrink(images: Tensor, side: int) -> Tensor:
    """Take the mean of every side×side pixels, rounded.

    Args:
        images: uint8, N×C×H×W.
        side: pixels that become one, in each direction.

    Example:
        >>> shrink(torch.tensor([[[[1, 2, 9, 9], [3, 2, 9, 9]]]], dtype=torch.uint8), 2)
        tensor([[[[2, 9]]]], dtype=torch.uint8)
    """
    return F.avg_pool2d(images.float(), side).round().to(images.dtype)


def centre_crop(images: Tensor, size: Sequence[int]) -> Tensor:
    """Cut out the middle of each image.

    Args:
        images: …×H×W.
        size: height and width to keep.

    Raises:
        ShapeError: the images are smaller.

    Example:
        >>> centre_crop(torch.arange(9).view(3, 3), (1, 1))
        tensor([[4]])
    """
    (top, left), (height, width) = _room(images, size), size
    # Halves round to the even neighbour, as torchvision's do.
    top, left = round(top / 2), round(left / 2)
    return images[..., top : top + height, left : left + width]


def ten_crop(images: Tensor, size: Sequence[int]) -> Tensor:
    """Cut out corners and centre of each image and of its mirror image (Krizhevsky, Sutskever, Hinton, 2012).

    Args:
        images: N×C×H×W.
        size: height and width of a patch.

    Returns:
        N×10×C×height×width: upper left, upper right, lower left, lower right, centre; the same, mirrored first.

    Raises:
        ShapeError: the images are smaller.

    Example:
        >>> patches = ten_crop(torch.arange(9).view(1, 1, 3, 3), (1, 1))
        >>> patches.flatten().tolist()
        [0, 2, 6, 8, 4, 2, 0, 8, 6, 4]
    """
    (bottom, right), (height, width) = _room(images, size), size

    def five(whole: Tensor) -> list[Tensor]:
        corners = [whole[..., top : top + height, left : left + width] for top in (0, bottom) for left in (0, right)]
        return [*corners, centre_crop(whole, size)]

    return torch.stack([*five(images), *five(images.flip(-1))], 1)


def _room(images: Tensor, size: Sequence[int]) -> tuple[int, int]:
    """Count the rows and columns that a patch leaves over."""
    rows, columns = images.shape[-2] - size[0], images.shape[-1] - size[1]
    if rows < 0 or columns < 0:
        raise ShapeError(
            f"cannot cut {size[0]}×{size[1]} pixels out of images of {images.shape[-2]}×{images.shape[-1]}; "
            "use smaller patches"
        )
    return rows, columns
