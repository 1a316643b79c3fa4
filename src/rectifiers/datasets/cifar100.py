"""CIFAR-100: 60,000 small photographs of a hundred things (Krizhevsky, 2009)."""

from __future__ import annotations

from typing import ClassVar

from .cifar import CIFAR, CIFARPart
from .files import Resource
from .source import Size


class CIFAR100(CIFAR):
    """Photographs of a hundred things: 50,000 + 10,000 colour images of 32×32, 100 classes.

    The archive of the binary form lies in cifar, or in the data folder itself; it is read without being unpacked. Of
    the two labels of an image, the fine one counts. Or else lossless pictures, cifar-100-png/train/CLASS/*.png and
    cifar-100-png/test/CLASS/*.png, a folder or its archive.
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
    pictures: ClassVar[str] = "cifar-100-png"


class CIFAR100Part(CIFARPart):
    """Part of CIFAR-100, as many images of each class as there are: colour images of 32×32, 100 classes.

    They lie in cifar-100-png-part, a folder or archive as that of all pictures, in cifar or in the data folder itself.
    """

    name: ClassVar[str] = "cifar100-part"
    whole: ClassVar[type[CIFAR]] = CIFAR100
