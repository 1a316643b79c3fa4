"""ImageNet: the 1,000 classes of the challenge of 2012 (Russakovsky et al., 2015)."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from .dataset import Dataset
from .local import LocalSource
from .source import Size
from .streamed import stream


class ImageNet(LocalSource):
    """Photographs of a thousand things: 1,281,167 + 50,000 pictures, seen at 224×224; tested on the validation images.

    They lie in imagenet/train/CLASS and imagenet/val/CLASS, stay there, and are decoded a batch at a time.
    """

    name: ClassVar[str] = "imagenet"
    size: ClassVar[Size | None] = Size((3, 224, 224), 1000, 1_281_167, 50_000, 144)
    places: ClassVar[tuple[str, ...]] = ("imagenet", "ImageNet")
    advice: ClassVar[str] = (
        "its licence lets nobody pass it on: register at https://image-net.org, get ILSVRC2012_img_train.tar and "
        "ILSVRC2012_img_val.tar, and unpack them to imagenet/train/CLASS/*.JPEG and imagenet/val/CLASS/*.JPEG "
        "in the data folder"
    )

    def load(self, data_dir: Path) -> Dataset:
        """List the pictures; none is decoded."""
        return stream(self.name, self.open(data_dir))
