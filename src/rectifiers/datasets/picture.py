"""Pictures in files of the usual formats, as tensors of 8 bits."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from typing import TYPE_CHECKING

from ..core.errors import DataError
from ..core.lazy import torch
from ..core.memory import free
from ..core.reading import allowance, damage
from ..core.wording import plural
from .tree import Tree

if TYPE_CHECKING:
    from PIL.Image import Image
    from torch import Tensor

SUFFIXES = frozenset({".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"})
_FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")
"""Formats of these names; Pillow knows more, of which some call other programs."""
_WIDE = ("I", "F")
_DEEPEST = 4
"""Bytes of a pixel while it is decoded."""
_LARGE = 1 << 16
"""Pixels from which several threads decode faster than one: below, they wait for Python's lock."""


def is_picture(name: str) -> bool:
    """Tell whether a file's name ends like that of a picture.

    >>> is_picture("cat/1.JPEG"), is_picture("notes.txt")
    (True, False)
    """
    return os.path.splitext(name)[1].lower() in SUFFIXES  # noqa: PTH122 - a name in an archive is not a path


def decode(tree: Tree, name: str) -> tuple[Image, str]:
    """Decode a picture to RGB, and give the mode that it had.

    Raises:
        DataError: it cannot be read, or has more than 8 bits per channel.
    """
    from PIL import Image, UnidentifiedImageError

    content = tree.read(name)
    with damage(f"{tree.where(name)}: cannot be read as a picture", Image.DecompressionBombError):
        try:
            image = Image.open(BytesIO(content), formats=_FORMATS)
        except UnidentifiedImageError:  # says at which address the bytes lie
            raise ValueError(f"it is none of {', '.join(_FORMATS)}, or damaged") from None
        mode = image.mode
        _check_size(image, len(content))
        if mode.startswith(_WIDE):
            raise DataError(f"{tree.where(name)}: expected 8 bits per channel, got mode {mode}; convert it")
        if mode == "RGB" and "transparency" not in image.info:
            image.load()
            return image, mode
        # Pillow drops the transparency of a palette only by way of RGBA.
        opaque = image.convert("RGBA") if "transparency" in image.info else image
        return opaque.convert("RGB"), mode


def _check_size(image: Image, size: int) -> None:
    """Make sure, before any pixel is decoded, that a picture is no larger than its file deserves."""
    needed = image.width * image.height * _DEEPEST
    if needed > allowance(size):
        raise ValueError(f"{size:,} bytes claim to be {image.width}×{image.height} pixels; resize it, or remove it")


def decode_all(tree: Tree, names: Sequence[str]) -> tuple[Tensor, Counter[str]]:
    """Decode pictures of one size into one tensor, and count those of each mode other than RGB.

    Args:
        tree: where they are.
        names: which; at least one.

    Returns:
        uint8, N×3×H×W, and the counts.

    Raises:
        DataError: one cannot be read, or has another size.
    """
    import numpy as np

    width, height = decode(tree, names[0])[0].size
    total, room = len(names) * 3 * height * width, free()
    if room is not None and total > room:
        raise DataError(
            f"{plural(len(names), 'picture')} of {width}×{height} pixels take {total / 1e9:.1f} GB, and "
            f"{room / 1e9:.1f} GB of memory are free; make them smaller, or use pictures:PATH, which leaves them in "
            "their files"
        )
    images = torch.empty(len(names), 3, height, width, dtype=torch.uint8)
    pixels = images.numpy()

    def fill(index: int) -> str:
        image, mode = decode(tree, names[index])
        if image.size != (width, height):
            raise DataError(
                f"pictures differ in size: {tree.where(names[0])} has {width}×{height} pixels, "
                f"{tree.where(names[index])} has {image.width}×{image.height}; resize them to one size"
            )
        pixels[index] = np.asarray(image).transpose(2, 0, 1)
        return mode

    modes: Counter[str]
    if width * height < _LARGE:
        modes = Counter(map(fill, range(len(names))))
    else:
        with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:
            modes = Counter(pool.map(fill, range(len(names))))
    del modes["RGB"]
    return images, modes
