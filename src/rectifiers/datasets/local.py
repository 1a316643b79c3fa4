"""Data sets that one has to get by hand, because of their licence or because no hash is published."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from ..core.errors import DataError
from .source import Availability, Source
from .tree import Tree, open_tree


class LocalSource(Source):
    """Base of data sets that lie in a folder or an archive of the data folder.

    Class attributes:
        name: registry name, for errors and results.
        places: where they may lie in the data folder, in the order to look.
        advice: how to get them.
    """

    name: ClassVar[str]
    places: ClassVar[tuple[str, ...]]
    advice: ClassVar[str]

    def look(self, data_dir: Path) -> Availability:
        """Look for the files in each of the places."""
        for place in self.places:
            if (data_dir / place).exists():
                return Availability(found=(data_dir / place,))
        return Availability(missing=(self.places[0],), advice=self.advice)

    def open(self, data_dir: Path) -> Tree:
        """Open the files.

        Raises:
            DataError: none of the places exists, or the archive cannot be read.
        """
        found = self.look(data_dir).found
        if not found:
            tried = "\n  ".join(str(data_dir / place) for place in self.places)
            raise DataError(f"{self.name}: not found; {self.advice}. Looked for\n  {tried}")
        return open_tree(found[0])
