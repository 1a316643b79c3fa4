"""Pictures in files of the usual formats, as tensors of 8 bits."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ..core.errors import DataError
from .tree import Tree

if TYPE_CHECKING:
    from PIL.Image import Image

SUFFIXES = frozenset({".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"})
_WIDE = ("I", "F")
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
    from PIL import Image

    try:
        with Image.open(BytesIO(tree.read(name))) as image:
            mode = image.mode
            if mode.startswith(_WIDE):
                raise DataError(f"{tree.where(name)}: expected 8 bits per channel, got mode {mode}; convert it")
            if mode == "RGB" and "transparency" not in image.info:
                image.load()
                return image, mode
            # Pillow drops the transparency of a palette only by way of RGBA.
            opaque = image.convert("RGBA") if "transparency" in image.info else image
            return opaque.convert("RGB"), mode
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise DataError(f"{tree.where(name)}: cannot be read as a picture: {error}") from error


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
