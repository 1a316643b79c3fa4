"""Fashion-MNIST: 70,000 pieces of clothing in MNIST's format (Xiao, Rasul, Vollgraf, 2017)."""

from __future__ import annotations

from typing import ClassVar

from .files import Resource
from .mnist import MNIST
from .source import Size

_MIRRORS = (
    "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
    "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
)


def _resource(file: str, md5: str, unpacked_md5: str) -> Resource:
    return Resource(file, md5, tuple(mirror + file for mirror in _MIRRORS), unpacked_md5)


class FashionMNIST(MNIST):
    """Pieces of clothing: 60,000 + 10,000 grey images of 28×28, 10 classes.

    The files lie in FashionMNIST/raw (torchvision's layout), gzip-compressed or not, or in the data folder
    itself.
    """

    name: ClassVar[str] = "fashion-mnist"
    size: ClassVar[Size | None] = Size((1, 28, 28), 10, 60_000, 10_000, 0.031)
    folders: ClassVar[tuple[str, ...]] = ("FashionMNIST/raw",)
    resources: ClassVar[tuple[Resource, ...]] = (
        _resource("train-images-idx3-ubyte.gz", "8d4fb7e6c68d591d4c3dfef9ec88bf0d", "f4a8712d7a061bf5bd6d2ca38dc4d50a"),
        _resource("train-labels-idx1-ubyte.gz", "25c81989df183df01b3e8a0aad5dffbe", "9018921c3c673c538a1fc5bad174d6f9"),
        _resource("t10k-images-idx3-ubyte.gz", "bef4ecab320f06d8554ea6380940ec79", "8181f5470baa50b63fa0f6fddb340f0a"),
        _resource("t10k-labels-idx1-ubyte.gz", "bb300cfdad3c16e7a12a480ee83cd310", "15d484375f8d13e6eb1aabb0c3f46965"),
    )
    classes: ClassVar[tuple[str, ...]] = (
        "T-shirt/top",
        "Trouser",
        "Pullover",
        "Dress",
        "Coat",
        "Sandal",
        "Shirt",
        "Sneaker",
        "Bag",
        "Ankle boot",
    )
