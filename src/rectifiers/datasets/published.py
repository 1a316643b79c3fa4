"""Data sets that are published as files with known hashes."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from .files import Resource
from .publication import Publication
from .source import Availability, Source
from .tree import Archive


class PublishedSource(Source):
    """Base of published data sets.

    Class attributes:
        name: registry name, for errors and results.
        folders: folders of the data folder in which the files may lie; downloads go to the first.
        resources: the files.
    """

    name: ClassVar[str]
    folders: ClassVar[tuple[str, ...]]
    resources: ClassVar[tuple[Resource, ...]]

    def look(self, data_dir: Path) -> Availability:
        """Look for the files in the data set's folders and in the data folder itself."""
        return self._publication.look(data_dir)

    def fetch(self, data_dir: Path) -> None:
        """Download the files that are missing."""
        self._publication.fetch(data_dir)

    def read(self, data_dir: Path) -> dict[str, bytes]:
        """Map the published name of every file to its unpacked content.

        Raises:
            DataError: files are missing, cannot be read, or have another hash.
        """
        return self._publication.read(data_dir)

    def open(self, data_dir: Path) -> Archive:
        """Open the one archive that is published, after checking its hash.

        Raises:
            DataError: it is missing, cannot be read, or has another hash.
        """
        ((resource, path),) = self.locate(data_dir).items()
        return Archive(path, resource.read(path))

    def locate(self, data_dir: Path) -> dict[Resource, Path]:
        """Map every file to where it lies.

        Raises:
            DataError: some are missing.
        """
        return self._publication.locate(data_dir)

    @property
    def _publication(self) -> Publication:
        return Publication(self.name, self.folders, self.resources)
