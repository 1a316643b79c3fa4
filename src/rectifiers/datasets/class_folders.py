"""Pictures in one folder per class, and which of them are for testing."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from ..core.errors import DataError
from ..core.lazy import torch
from ..core.wording import is_printable_line, plural
from .dataset import Dataset, Split
from .picture import SUFFIXES, decode_all, is_picture
from .tree import Tree

if TYPE_CHECKING:
    from torch import Tensor

_TEST_SHARE = 0.2
_TEST_FOLDERS = ("test", "val")

Pictures = dict[str, list[str]]
"""Files of each class."""


def load_pictures(name: str, tree: Tree) -> Dataset:
    """Load pictures that all have the same size into memory.

    Args:
        name: of the data set.
        tree: the class folders; see `parts`.

    Raises:
        DataError: there are fewer than two classes, or a picture cannot be read or has another size.
    """
    train, test, note = parts(tree)
    images, modes = decode_all(tree, [*_flat(train), *_flat(test)])
    converted = [f"{count} pictures converted from {mode} to RGB" for mode, count in sorted(modes.items())]
    count = len(_flat(train))
    return Dataset(
        name,
        train=Split(images[:count], labels(train)),
        test=Split(images[count:], labels(test)),
        classes=tuple(train),
        note="; ".join(filter(None, [note, *converted])),
    )


def parts(tree: Tree) -> tuple[Pictures, Pictures, str]:
    """List the pictures to learn from and to test on, with a note for the report.

    Either the tree has folders train and test (or val), each with a folder per class, or it has the class folders
    themselves: then a fifth of each class, chosen by a hash of the file names, is for testing.

    Raises:
        DataError: there are fewer than two classes, too few pictures of one, or train and test have different classes.
    """
    folders = tree.folders()
    tested = next((folder for folder in _TEST_FOLDERS if folder in folders), None)
    if "train" in folders and tested:
        train, test = pictures(tree, "train"), pictures(tree, tested)
        if odd := sorted(train.keys() ^ test.keys()):
            raise DataError(
                f"{tree.path}: train and {tested} must have the same class folders; only one has {', '.join(odd)}"
            )
        return train, test, ""
    every = pictures(tree, least=2)
    train = {name: files[_test_count(files) :] for name, files in every.items()}
    test = {name: files[: _test_count(files)] for name, files in every.items()}
    return train, test, "a fifth of each class, chosen by a hash of the file names, is for testing"


def pictures(tree: Tree, at: str = "", least: int = 1) -> Pictures:
    """List the picture files of each class folder, in an order that does not depend on the folder's other files.

    Args:
        tree: where to look.
        at: folder of the class folders.
        least: pictures that a class must have.

    Raises:
        DataError: there are fewer than two classes, or too few pictures of one.
    """
    classes = {folder.rpartition("/")[2]: folder for folder in tree.folders(at)}
    if len(classes) < 2:
        raise DataError(f"{tree.where(at)}: expected at least two class folders, found {', '.join(classes) or 'none'}")
    for name, folder in classes.items():
        if not is_printable_line(name):
            raise DataError(f"{tree.where(folder)}: expected a class's name that can be printed; rename the folder")
    found = {name: sorted(filter(is_picture, tree.files(folder)), key=_hash) for name, folder in classes.items()}
    for name, files in found.items():
        if len(files) < least:
            raise DataError(
                f"{tree.where(classes[name])}: expected at least {plural(least, 'picture')} "
                f"({', '.join(sorted(SUFFIXES))}), found {len(files)}; add pictures to the class, or remove its folder"
            )
    return found


def labels(pictures: Pictures) -> Tensor:
    """Label all pictures, class by class.

    >>> labels({"cat": ["1.png", "2.png"], "dog": ["1.png"]})
    tensor([0, 0, 1])
    """
    return torch.arange(len(pictures)).repeat_interleave(torch.tensor([len(files) for files in pictures.values()]))


def _flat(pictures: Pictures) -> list[str]:
    return [file for files in pictures.values() for file in files]


def _hash(name: str) -> bytes:
    return hashlib.sha256(name.rpartition("/")[2].encode(errors="surrogateescape")).digest()


def _test_count(files: list[str]) -> int:
    return max(1, round(_TEST_SHARE * len(files)))
