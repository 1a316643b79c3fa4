"""The user's own pictures, in one folder per class."""

from __future__ import annotations

from pathlib import Path

from .class_folders import load_pictures
from .dataset import Dataset
from .source import PathSource
from .tree import open_tree


class Folder(PathSource):
    """Your own pictures in one folder per class: folder:PATH.

    Their layout is either PATH/train/CLASS and PATH/test/CLASS (or val), or PATH/CLASS alone: then a fifth of each
    class, chosen by a hash of the file names, is for testing. PATH may be a tar or zip archive of such a folder. All
    pictures must have the same size; they become RGB.
    """

    def load(self, data_dir: Path) -> Dataset:
        """Decode all pictures."""
        return load_pictures(f"folder:{self.given}", open_tree(self.path))
