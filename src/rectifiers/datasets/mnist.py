"""MNIST: 70,000 handwritten digits of 28×28 pixels (LeCun, Bottou, Bengio, Haffner, 1998)."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from ..core.lazy import torch
from .dataset import Dataset, Split
from .files import Resource
from .idx import decode
from .published import PublishedSource
from .source import Size

_MIRRORS = ("https://ossci-datasets.s3.amazonaws.com/mnist/", "http://yann.lecun.com/exdb/mnist/")


def _resource(file: str, md5: str, unpacked_md5: str) -> Resource:
    return Resource(file, md5, tuple(mirror + file for mirror in _MIRRORS), unpacked_md5)


class MNIST(PublishedSource):
    """Handwritten digits: 60,000 + 10,000 grey images of 28×28, 10 classes.

    The files may be gzip-compressed or not, in MNIST/raw (torchvision's layout) or in the data folder itself.
    """

    name: ClassVar[str] = "mnist"
    size: ClassVar[Size | None] = Size((1, 28, 28), 10, 60_000, 10_000, 0.012)
    folders: ClassVar[tuple[str, ...]] = ("MNIST/raw",)
    # MD5 of the compressed files, as torchvision lists them, and of what they unpack to.
    resources: ClassVar[tuple[Resource, ...]] = (
        _resource("train-images-idx3-ubyte.gz", "f68b3c2dcbeaaa9fbdd348bbdeb94873", "6bbc9ace898e44ae57da46a324031adb"),
        _resource("train-labels-idx1-ubyte.gz", "d53e105ee54ea40749a09fcbcd1e9432", "a25bea736e30d166cdddb491f175f624"),
        _resource("t10k-images-idx3-ubyte.gz", "9fb629c4189551a2d022fa330f9573f3", "2646ac647ad5339dbf082846283269ea"),
        _resource("t10k-labels-idx1-ubyte.gz", "ec29112dd5afa0611ce80d1b7f02629c", "27ae3e4e09519cfbb04c329615203637"),
    )
    classes: ClassVar[tuple[str, ...]] = tuple("0123456789")

    def load(self, data_dir: Path) -> Dataset:
        """Read the four IDX files."""
        files = self.read(data_dir)

        def split(part: str) -> Split:
            images, labels = f"{part}-images-idx3-ubyte.gz", f"{part}-labels-idx1-ubyte.gz"
            return Split(
                images=decode(files[images], images, rank=3).unsqueeze(1),
                labels=decode(files[labels], labels, rank=1).to(torch.int64),
            )

        return Dataset(self.name, train=split("train"), test=split("t10k"), classes=self.classes)
