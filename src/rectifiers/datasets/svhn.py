"""SVHN: house numbers in street photographs, cropped to the digit (Netzer et al., 2011)."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from ..core.errors import DataError
from ..core.lazy import torch
from . import mat
from .dataset import Dataset, Split
from .files import Resource
from .published import PublishedSource
from .source import Size

_SITE = "http://ufldl.stanford.edu/housenumbers/"


def _resource(file: str, md5: str) -> Resource:
    return Resource(file, md5, (_SITE + file,))


class SVHN(PublishedSource):
    """House numbers: 73,257 + 26,032 colour images of 32×32, 10 classes.

    The files lie in svhn or SVHN, or in the data folder itself.
    """

    name: ClassVar[str] = "svhn"
    size: ClassVar[Size | None] = Size((3, 32, 32), 10, 73_257, 26_032, 0.246)
    folders: ClassVar[tuple[str, ...]] = ("svhn", "SVHN")
    resources: ClassVar[tuple[Resource, ...]] = (
        _resource("train_32x32.mat", "e26dedcc434d2e4c54c9b2d4a06d8373"),
        _resource("test_32x32.mat", "eb5a983be6a315427106f1b164d9cef3"),
    )

    def load(self, data_dir: Path) -> Dataset:
        """Read the two MATLAB files."""
        files = self.read(data_dir)
        return Dataset(
            self.name,
            train=_split(files, "train_32x32.mat"),
            test=_split(files, "test_32x32.mat"),
            classes=tuple("0123456789"),
            note="label 10, which stands for the digit 0, read as 0",
        )


def _split(files: dict[str, bytes], name: str) -> Split:
    arrays = mat.decode(files[name], name)
    if not {"X", "y"} <= arrays.keys() or arrays["X"].dim() != 4:
        raise DataError(f"{name}: expected images X of four axes and labels y, found {', '.join(arrays) or 'nothing'}")
    return Split(arrays["X"].permute(3, 2, 0, 1).contiguous(), labels=(arrays["y"].reshape(-1) % 10).to(torch.int64))
