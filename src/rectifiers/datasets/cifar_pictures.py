"""CIFAR as lossless pictures in class folders: known by its content, whatever the files are called.

The published files have an order, which pictures have lost; so they come in the order of their hashes, and the same
pictures give the same data under whichever names.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from ..core.errors import DataError
from ..core.lazy import torch
from ..core.wording import plural
from .class_folders import labels, pictures
from .dataset import Dataset, Split
from .picture import decode_all
from .tree import Tree, open_tree

if TYPE_CHECKING:
    from torch import Tensor

SUFFIXES = (".tar", ".tar.gz", ".tgz", ".zip", "")
"""Of an archive, or of none: a folder."""


def find(data_dir: Path, folders: tuple[str, ...], stem: str) -> Path | None:
    """Find the folder or archive of that stem, in one of the folders or in the data folder itself."""
    places = (data_dir / folder / f"{stem}{suffix}" for folder in (*folders, "") for suffix in SUFFIXES)
    return next((place for place in places if place.exists()), None)


def read(path: Path) -> tuple[dict[str, Split], tuple[str, ...]]:
    """Decode the pictures in train/CLASS and test/CLASS.

    Args:
        path: a folder or an archive that has them.

    Returns:
        Images of each part in the order of their hashes, and the classes in the order of their names.

    Raises:
        DataError: the classes of the parts differ, or a picture cannot be read, is no PNG file, or has another size.
    """
    tree = open_tree(path)
    splits, classes = {}, tuple(pictures(tree, "train"))
    for part in ("train", "test"):
        found = pictures(tree, part)
        if tuple(found) != classes:
            odd = sorted(found.keys() ^ set(classes))
            raise DataError(f"{path}: train and test must have the same classes; only one has {', '.join(odd)}")
        splits[part] = _sorted(tree, [file for files in found.values() for file in files], labels(found))
    return splits, classes


def _sorted(tree: Tree, files: list[str], targets: Tensor) -> Split:
    if lossy := [file for file in files if not file.lower().endswith(".png")]:
        raise DataError(
            f"{tree.where(lossy[0])}: expected lossless PNG pictures; other formats may have changed pixels"
        )
    images, _ = decode_all(tree, files)
    keys = hashes(images, targets)
    order = torch.tensor(sorted(range(len(files)), key=keys.__getitem__))
    return Split(images[order], targets[order])


def hashes(images: Tensor, targets: Tensor) -> list[bytes]:
    """Give the SHA-256 of each image as the binary files have it: a byte of its label, then its pixels."""
    return [
        hashlib.sha256(bytes([label]) + image.tobytes()).digest()
        for label, image in zip(targets.tolist(), images.numpy(), strict=True)
    ]


def content_digest(split: Split) -> str:
    """Digest a set of labelled images, whatever their order and names: the SHA-256 of their sorted hashes.

    Example:
        >>> images, targets = torch.arange(24, dtype=torch.uint8).view(2, 3, 2, 2), torch.tensor([0, 1])
        >>> content_digest(Split(images, targets)) == content_digest(Split(images.flip(0), targets.flip(0)))
        True
    """
    return hashlib.sha256(b"".join(sorted(hashes(split.images, split.labels)))).hexdigest()


def load_whole(name: str, path: Path, counts: Mapping[str, int], digests: Mapping[str, str]) -> Dataset:
    """Load a whole data set.

    Args:
        name: of the data set.
        path: the folder or archive.
        counts: how many images each part has.
        digests: what the content of each part is known by; may be empty.

    Raises:
        DataError: it is a part, or has other images than those of the digests.
    """
    splits, classes = read(path)
    for part, split in splits.items():
        if len(split) != counts[part]:
            part_name = f"; load it as {name}-part" if len(split) < counts[part] else ""
            raise DataError(
                f"{path}: expected the {counts[part]:,} {part} images of {name}, found {len(split):,}{part_name}"
            )
        if digests and (found := content_digest(split)) != digests[part]:
            raise DataError(
                f"{path}: expected the {part} images of {name}, whose digest is {digests[part]}, found {found}: "
                "some are missing, changed or there twice; get them again"
            )
    notes = ["read from pictures, in the order of their hashes"]
    notes += [] if digests else ["their content was not compared with the published files"]
    return Dataset(name, splits["train"], splits["test"], classes, note="; ".join(notes))


def load_part(name: str, path: Path, counts: Mapping[str, int], classes: int) -> Dataset:
    """Load a part of a data set, which has every class.

    Args:
        name: of the part.
        path: the folder or archive.
        counts: how many images each part of the whole has.
        classes: how many classes the whole has.

    Raises:
        DataError: classes are missing, the images of a class differ in number, or an image is there twice.
    """
    splits, names = read(path)
    if len(names) != classes:
        raise DataError(f"{path}: expected all {classes} classes, found {len(names)}")
    for part, split in splits.items():
        if len(set(split.labels.bincount().tolist())) > 1:
            raise DataError(f"{path}: expected as many {part} images of every class, found numbers that differ")
        if len(set(hashes(split.images, split.labels))) < len(split):
            raise DataError(f"{path}: some {part} images are there twice; remove one of each pair")
    sizes = " and ".join(f"{len(splits[part]):,} of {plural(counts[part], f'{part} image')}" for part in splits)
    return Dataset(name, splits["train"], splits["test"], names, note=f"a part: {sizes}, in the order of their hashes")
