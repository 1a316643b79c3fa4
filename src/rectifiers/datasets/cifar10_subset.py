"""Part of CIFAR-10 as pictures, for machines that lack the whole."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from .class_folders import load_pictures
from .dataset import Dataset
from .local import LocalSource


class CIFAR10Subset(LocalSource):
    """Pictures of CIFAR-10 in class folders, as many as there are: colour images of 32×32, 10 classes.

    They lie in cifar10-subset/train/CLASS and cifar10-subset/test/CLASS, or in such a folder's archive
    cifar10-subset.tar.gz.
    """

    name: ClassVar[str] = "cifar10-subset"
    places: ClassVar[tuple[str, ...]] = ("cifar10-subset.tar.gz", "cifar10-subset")
    advice: ClassVar[str] = (
        "save pictures of CIFAR-10 as cifar10-subset/train/CLASS/*.png and cifar10-subset/test/CLASS/*.png in the data "
        "folder, or use cifar10, which can be downloaded"
    )

    def load(self, data_dir: Path) -> Dataset:
        """Decode all pictures."""
        return load_pictures(self.name, self.open(data_dir))
