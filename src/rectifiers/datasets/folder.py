"""Pictures of the user's own, in a folder per class."""

from __future__ import annotations

from pathlib import Path

from .class_folders import load_pictures
from .dataset import Dataset
from .source import PathSource
from .tree import open_tree


class Folder(PathSource):
    """Pictures in a folder per class, of your own: folder:PATH.

    Either PATH/train/CLASS and PATH/test/CLASS (or val), or PATH/CLASS alone: then a fifth of each class, chosen by a
    hash of the file names, is for testing. PATH may be a tar or zip archive of such a folder. All pictures have one
    size and become RGB.
    """

    def load(self, data_dir: Path) -> Dataset:
        """Decode all pictures."""
        return load_pictures(f"folder:{self.given}", open_tree(self.path))
