"""CIFAR-10: 60,000 small photographs of ten things (Krizhevsky, 2009)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from .cifar import CIFAR, CIFARPart
from .files import Resource
from .source import Size


class CIFAR10(CIFAR):
    """Photographs of ten things: 50,000 + 10,000 colour images of 32×32, 10 classes.

    The archive of the binary form lies in cifar, or in the data folder itself; it is read without being unpacked. Or
    else lossless pictures, cifar-10-png/train/CLASS/*.png and cifar-10-png/test/CLASS/*.png, a folder or its archive.
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
    pictures: ClassVar[str] = "cifar-10-png"
    # By `cifar_pictures.content_digest`, of the copy in PNG that our runs used; not compared with the authors' archive.
    digests: ClassVar[Mapping[str, str]] = {
        "train": "55a61f79a40ece2ceda9fb5f9f7078f6ea2fc4952489cef56682bcf92cfcc260",
        "test": "325704b01eb92e1e2a6215ae6a916bb7db7de054af0c496be1c7be2e0fcfbf5f",
    }


class CIFAR10Part(CIFARPart):
    """Part of CIFAR-10, as many images of each class as there are: colour images of 32×32, 10 classes.

    They lie in cifar-10-png-part, a folder or archive as that of all pictures, in cifar or in the data folder itself.
    """

    name: ClassVar[str] = "cifar10-part"
    whole: ClassVar[type[CIFAR]] = CIFAR10
