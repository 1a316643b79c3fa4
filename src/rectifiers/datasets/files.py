"""Published data files: where they may lie, and whether they are what they claim to be."""

from __future__ import annotations

import gzip
import hashlib
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ..core.errors import DataError

_GZIP_MAGIC = b"\x1f\x8b"


@dataclass(frozen=True)
class Resource:
    """A file as it is published.

    Args:
        file: its name.
        md5: its hash.
        urls: mirrors, in the order to try them.
        unpacked_md5: for a .gz file, the hash of its content: that is what must be right, however it was compressed.
    """

    file: str
    md5: str
    urls: tuple[str, ...]
    unpacked_md5: str | None = None

    def paths(self, data_dir: Path, folders: tuple[str, ...]) -> Iterator[Path]:
        """Where the file may lie, packed or not: in one of the folders of its data set, or in `data_dir` itself."""
        for folder in (*folders, ""):
            yield data_dir / folder / self.file
            if self.unpacked_md5:
                yield data_dir / folder / self.file.removesuffix(".gz")

    def find(self, data_dir: Path, folders: tuple[str, ...]) -> Path | None:
        """The first path at which the file lies; None if nowhere."""
        return next((path for path in self.paths(data_dir, folders) if path.is_file()), None)

    def read(self, path: Path) -> bytes:
        """The unpacked content of the file, which lies at `path`.

        Raises:
            DataError: it cannot be read or unpacked, or has another hash.
        """
        try:
            content = path.read_bytes()
        except OSError as error:
            raise DataError(f"cannot read {path}: {error.strerror}; check its permissions") from error
        if self.unpacked_md5 and content.startswith(_GZIP_MAGIC):
            try:
                content = gzip.decompress(content)
            except (OSError, EOFError, zlib.error) as error:
                raise self._damaged(path, self.md5, content, f" ({error})") from error
        expected = self.unpacked_md5 or self.md5
        if _md5(content) != expected:
            raise self._damaged(path, expected, content)
        return content

    @staticmethod
    def _damaged(path: Path, expected: str, content: bytes, why: str = "") -> DataError:
        return DataError(
            f"{path} is damaged or belongs to another data set{why}: expected md5 {expected}, "
            f"found {_md5(content)} in {len(content):,} bytes; get it again, or move it away"
        )


def _md5(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()
