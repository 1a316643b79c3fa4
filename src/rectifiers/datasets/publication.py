"""Files that are published together, with known hashes: look for them, download them, read them."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

from ..core.errors import DataError
from ..core.wording import plural
from .download import download
from .files import Resource
from .source import Availability

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Publication:
    """Files that are published together.

    Args:
        name: what they are, for errors.
        folders: folders of the data folder in which they may lie; downloads go to the first.
        resources: the files.
    """

    name: str
    folders: tuple[str, ...]
    resources: tuple[Resource, ...]

    def look(self, data_dir: Path) -> Availability:
        """Look for the files in their folders and in the data folder itself."""
        found, missing = self._find(data_dir)
        return Availability(
            found=tuple(found.values()),
            missing=tuple(resource.file for resource in missing),
            advice=_advice(missing) if missing else "",
        )

    def fetch(self, data_dir: Path) -> None:
        """Download the files that are missing or damaged.

        Raises:
            DataError: no mirror gives one with the right hash, or it cannot be written.
        """
        found, missing = self._find(data_dir)
        for resource, path in found.items():
            try:
                resource.read(path)
            except DataError as error:
                _log.info("%s; downloading it again", error)
                missing.append(resource)
        for resource in missing:
            download(resource, data_dir / self.folders[0] / resource.file)

    def read(self, data_dir: Path) -> dict[str, bytes]:
        """Map the published name of every file to its unpacked content.

        Raises:
            DataError: files are missing, cannot be read, or have another hash.
        """
        return {resource.file: resource.read(path) for resource, path in self.locate(data_dir).items()}

    def locate(self, data_dir: Path) -> dict[Resource, Path]:
        """Map every file to where it lies.

        Raises:
            DataError: some are missing.
        """
        found, missing = self._find(data_dir)
        if missing:
            tried = [str(path) for resource in missing for path in resource.paths(data_dir, self.folders)]
            verb = "is" if len(missing) == 1 else "are"
            raise DataError(
                f"{self.name}: {len(missing)} of {plural(len(self.resources), 'file')} {verb} missing; "
                f"{_advice(missing)}. "
                "Looked for\n  " + "\n  ".join(tried)
            )
        return found

    def _find(self, data_dir: Path) -> tuple[dict[Resource, Path], list[Resource]]:
        """Find each file, and list those that are missing."""
        paths = {resource: resource.find(data_dir, self.folders) for resource in self.resources}
        found = {resource: path for resource, path in paths.items() if path is not None}
        return found, [resource for resource in self.resources if resource not in found]


def _advice(missing: list[Resource]) -> str:
    sites = " and ".join(sorted({resource.urls[0].rpartition("/")[0] for resource in missing}))
    return (
        "point RECTIFIERS_DATA or data_dir at the folder that has them, "
        f"or download them with --download (download=True) from {sites}"
    )
