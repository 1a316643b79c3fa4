"""The user's own texts, in comma-separated files."""

from __future__ import annotations

from pathlib import Path

from .dataset import Dataset
from .source import PathSource
from .text_rows import load_rows
from .tree import open_tree

_CLASSES = "classes.txt"


class Text(PathSource):
    """Your own texts in comma-separated files: text:PATH.

    PATH, a folder or its archive, holds train.csv, test.csv and classes.txt. The first two are in UTF-8; each row is a
    label, counted from 1, and a text, in quotation marks if it holds commas or ends of lines. The third has the name of
    a class in each line. A network sees the last 1,014 characters of a text.
    """

    def load(self, data_dir: Path) -> Dataset:
        """Encode both files."""
        tree = open_tree(self.path)
        classes = tuple(tree.read(_CLASSES).decode("utf-8-sig", errors="replace").split("\n"))
        train, test = ((tree.where(file), tree.read(file)) for file in ("train.csv", "test.csv"))
        return load_rows(f"text:{self.given}", tuple(filter(None, map(str.strip, classes))), train, test)
