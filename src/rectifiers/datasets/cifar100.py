"""CIFAR-100: 60,000 small photographs of a hundred things (Krizhevsky, 2009)."""

from __future__ import annotations

from typing import ClassVar

from .cifar import CIFAR
from .files import Resource
from .source import Size


class CIFAR100(CIFAR):
    """Photographs of a hundred things: 50,000 + 10,000 colour images of 32×32, 100 classes.

    The archive of the binary form lies in cifar, or in the data folder itself; it is read without being unpacked. Of
    the two labels of an image, the fine one counts.
    """

    name: ClassVar[str] = "cifar100"
    size: ClassVar[Size | None] = Size((3, 32, 32), 100, 50_000, 10_000, 0.169)
    # MD5 as the authors' page lists it.
    resources: ClassVar[tuple[Resource, ...]] = (
        Resource(
            "cifar-100-binary.tar.gz",
            "03b5dce01913d631647c71ecec9e9cb8",
            ("https://www.cs.toronto.edu/~kriz/cifar-100-binary.tar.gz",),
        ),
    )
    train: ClassVar[tuple[str, ...]] = ("train.bin",)
    test: ClassVar[str] = "test.bin"
    class_names: ClassVar[str] = "fine_label_names.txt"
    labels: ClassVar[int] = 2
