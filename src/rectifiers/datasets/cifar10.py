"""CIFAR-10: 60,000 small photographs of ten things (Krizhevsky, 2009)."""

from __future__ import annotations

from typing import ClassVar

from .cifar import CIFAR
from .files import Resource
from .source import Size


class CIFAR10(CIFAR):
    """Photographs of ten things: 50,000 + 10,000 colour images of 32×32, 10 classes.

    The archive of the binary form lies in cifar, or in the data folder itself; it is read without being unpacked.
    """

    name: ClassVar[str] = "cifar10"
    size: ClassVar[Size | None] = Size((3, 32, 32), 10, 50_000, 10_000, 0.170)
    # MD5 as the authors' page lists it.
    resources: ClassVar[tuple[Resource, ...]] = (
        Resource(
            "cifar-10-binary.tar.gz",
            "c32a1d4ab5d03f1284b67883e8d87530",
            ("https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",),
        ),
    )
    train: ClassVar[tuple[str, ...]] = tuple(f"data_batch_{number}.bin" for number in range(1, 6))
    test: ClassVar[str] = "test_batch.bin"
    class_names: ClassVar[str] = "batches.meta.txt"
    labels: ClassVar[int] = 1
