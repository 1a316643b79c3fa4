"""LGG: magnetic resonance images of brains with lower-grade gliomas (Buda, Saha, Mazurowski, 2019)."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import ClassVar, cast

from ..core.errors import DataError
from ..core.lazy import torch
from ..core.seeds import derive
from .dataset import Dataset
from .local import LocalSource
from .picture import decode_all
from .slices import Slices
from .source import Size
from .splits import hold_out
from .tree import Tree
from .volumes import SIDE, Volumes, prepare

_MASK = "_mask.tif"
_TEST_PATIENTS = 10


class LGG(LocalSource):
    """Brain images with a mask of what is diseased: 100 + 10 patients, 3,929 images of 3×256×256 in all.

    The files lie in kaggle_3m/PATIENT/*.tif with *_mask.tif beside each. There is no published split: ten fixed
    patients are for testing.
    """

    name: ClassVar[str] = "lgg"
    kind: ClassVar[type[Slices]] = Slices
    size: ClassVar[Size | None] = Size((3, 256, 256), 2, 3_572, 357, 0.75)
    places: ClassVar[tuple[str, ...]] = ("kaggle_3m", "lgg-mri-segmentation/kaggle_3m")
    advice: ClassVar[str] = (
        "getting it takes an account: download https://www.kaggle.com/datasets/mateuszbuda/lgg-mri-segmentation and "
        "unpack its folder kaggle_3m into the data folder"
    )

    def load(self, data_dir: Path) -> Dataset:
        """Decode all images and masks, and set ten patients aside."""
        tree = self.open(data_dir)
        patients = tree.folders()
        if len(patients) <= _TEST_PATIENTS:
            raise DataError(
                f"{tree.path}: expected folders of more than {_TEST_PATIENTS} patients, found {len(patients)}; "
                "unpack the archive again"
            )
        images = [_slices(tree, patient) for patient in patients]
        names = [name for slices in images for name in slices]
        mask_files = [name.removesuffix(".tif") + _MASK for name in names]
        masks = decode_all(tree, mask_files)[0][:, :1]
        if grey := ((masks > 0) & (masks < 255)).flatten(1).any(1).nonzero().flatten().tolist():
            raise DataError(f"{tree.where(mask_files[grey[0]])}: expected a mask of only black and white, found grey")
        everything = Slices(
            images=decode_all(tree, names)[0],
            masks=masks // 255,
            patients=torch.arange(len(patients)).repeat_interleave(torch.tensor(list(map(len, images)))),
        )
        train, test = hold_out(everything, _TEST_PATIENTS, derive(0, self.name, "test"))
        return Dataset(
            self.name,
            train,
            test,
            classes=("background", "abnormality"),
            note=f"{_TEST_PATIENTS} fixed patients of {len(patients)} are for testing",
        )


class LGGPrepared(LGG):
    """LGG as its authors' public code prepares it: cropped, squared, stretched, and normalised volume by volume.

    3,709 images of 3×256×256 at most. An epoch draws slices by their masks, as many as there are; in the Dice
    coefficient, the largest connected piece of a prediction counts. `normalise="standard"` undoes the 8 bits.
    """

    name: ClassVar[str] = "lgg-prepared"
    kind: ClassVar[type[Slices]] = Volumes
    size: ClassVar[Size | None] = Size((3, SIDE, SIDE), 2, 3_372, 337, 0.73)

    def load(self, data_dir: Path) -> Dataset:
        """Decode all images and masks, set ten patients aside, and prepare the volumes."""
        stored = super().load(data_dir)
        train, test = (prepare(cast("Slices", part), self.name) for part in (stored.train, stored.test))
        return replace(stored, train=train, test=test)


def _slices(tree: Tree, patient: str) -> list[str]:
    """List a patient's images in the order of their numbers; each has its mask."""
    files = [name for name in tree.files(patient) if name.endswith(".tif")]
    images = {name for name in files if not name.endswith(_MASK)}
    masked = {name.removesuffix(_MASK) + ".tif" for name in files if name.endswith(_MASK)}
    if not images or images != masked:
        odd = sorted(images ^ masked)
        raise DataError(
            f"{tree.where(patient)}: expected images *.tif and a mask *{_MASK} of each, "
            + (f"found only one of the two for {odd[0]}" if odd else "found none")
        )
    return sorted(images, key=lambda name: (int((re.findall(r"\d+", name) or [0])[-1]), name))
