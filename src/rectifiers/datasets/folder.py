"""Pictures of the user's own, in a folder per class."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from ..core.errors import DataError
from .dataset import Dataset, Split
from .source import PathSource

if TYPE_CHECKING:
    from numpy.typing import NDArray

_SUFFIXES = frozenset({".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"})
_TEST_SHARE = 0.2
_WIDE = ("I", "F")

Pictures = dict[str, list[Path]]
"""Files of each class."""


class Folder(PathSource):
    """Pictures in a folder per class, of your own: folder:PATH.

    Either PATH/train/CLASS and PATH/test/CLASS, or PATH/CLASS alone: then a fifth of each class, chosen by a hash
    of the file names, is for testing. All pictures have one size and become RGB.
    """

    def load(self, data_dir: Path) -> Dataset:
        """Decode all pictures, a few at a time."""
        if not self.path.is_dir():
            raise DataError(f"no folder {self.path}; write folder:PATH with the path of a folder of class folders")
        notes = []
        if (self.path / "train").is_dir() and (self.path / "test").is_dir():
            train, test = self._pictures(self.path / "train"), self._pictures(self.path / "test")
            if odd := sorted(train.keys() ^ test.keys()):
                raise DataError(
                    f"{self.given}: train and test must have the same class folders; only one has {', '.join(odd)}"
                )
        else:
            pictures = self._pictures(self.path)
            train = {name: files[_test_count(files) :] for name, files in pictures.items()}
            test = {name: files[: _test_count(files)] for name, files in pictures.items()}
            notes.append("a fifth of each class, chosen by a hash of the file names, is for testing")
        files = [path for part in (train, test) for paths in part.values() for path in paths]
        images, modes = _decode_all(files)
        notes += [f"{count} pictures converted from {mode} to RGB" for mode, count in sorted(modes.items())]
        count = sum(map(len, train.values()))
        return Dataset(
            f"folder:{self.given}",
            train=Split(images[:count], _labels(train)),
            test=Split(images[count:], _labels(test)),
            classes=tuple(train),
            note="; ".join(notes),
        )

    def _pictures(self, folder: Path) -> Pictures:
        """The picture files of each class folder, in an order that no other file of the folder decides."""
        classes = sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
        if len(classes) < 2:
            found = classes[0].name if classes else "none"
            raise DataError(f"{folder}: expected at least two class folders, found {found}")
        pictures = {path.name: sorted(_image_files(path), key=_hash) for path in classes}
        for name, files in pictures.items():
            least = 1 if folder != self.path else 2
            if len(files) < least:
                raise DataError(
                    f"{folder / name}: expected at least {least} pictures ({', '.join(sorted(_SUFFIXES))}), "
                    f"found {len(files)}; give the class more, or remove its folder"
                )
        return pictures


def _image_files(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if path.suffix.lower() in _SUFFIXES and path.is_file()]


def _hash(path: Path) -> bytes:
    return hashlib.sha256(path.name.encode()).digest()


def _test_count(files: list[Path]) -> int:
    return max(1, round(_TEST_SHARE * len(files)))


def _labels(pictures: Pictures) -> torch.Tensor:
    return torch.arange(len(pictures)).repeat_interleave(torch.tensor([len(files) for files in pictures.values()]))


def _decode_all(files: list[Path]) -> tuple[torch.Tensor, Counter[str]]:
    """The pictures as one tensor, and how many were of each mode other than RGB."""
    height, width, channels = _decode(files[0])[0].shape
    images = torch.empty(len(files), channels, height, width, dtype=torch.uint8)

    def fill(index: int) -> str:
        pixels, mode = _decode(files[index])
        if pixels.shape != (height, width, channels):
            raise DataError(
                f"pictures differ in size: {files[0]} has {width}×{height} pixels, "
                f"{files[index]} has {pixels.shape[1]}×{pixels.shape[0]}; resize them to one size"
            )
        images[index] = torch.from_numpy(pixels).permute(2, 0, 1)
        return mode

    with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:
        modes = Counter(pool.map(fill, range(len(files))))
    del modes["RGB"]
    return images, modes


def _decode(path: Path) -> tuple[NDArray[Any], str]:
    import numpy as np
    from PIL import Image

    try:
        with Image.open(path) as image:
            mode = image.mode
            if mode.startswith(_WIDE):
                raise DataError(f"{path}: expected 8 bits per channel, got mode {mode}; convert it")
            # Pillow drops the transparency of a palette only by way of RGBA.
            opaque = image.convert("RGBA") if "transparency" in image.info else image
            return np.array(opaque.convert("RGB")), mode
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise DataError(f"{path}: cannot be read as a picture: {error}") from error
