"""Published data files: where they may lie, and whether their hashes are right."""

from __future__ import annotations

import gzip
import hashlib
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Literal

from ..core.errors import DataError
from ..core.reading import Meter, allowance, read_regular

_GZIP_MAGIC = b"\x1f\x8b"


@dataclass(frozen=True)
class Resource:
    """A file as it is published.

    Args:
        file: its name.
        hash: its hash in hexadecimal, or as many of the first digits as are published.
        urls: mirrors, in the order to try them.
        unpacked_hash: for a .gz file, the hash of its content, which must be right however it was compressed.
        algorithm: of both hashes.
        most: bytes that it may have; a server that sends more is not a mirror.
    """

    file: str
    hash: str
    urls: tuple[str, ...]
    unpacked_hash: str | None = None
    algorithm: Literal["md5", "sha256"] = "md5"
    most: int = 10**9

    def paths(self, data_dir: Path, folders: tuple[str, ...]) -> Iterator[Path]:
        """Yield where the file may lie, packed or not: in a folder of its data set, or in `data_dir` itself."""
        for folder in (*folders, ""):
            yield data_dir / folder / self.file
            if self.unpacked_hash:
                yield data_dir / folder / self.file.removesuffix(".gz")

    def find(self, data_dir: Path, folders: tuple[str, ...]) -> Path | None:
        """Find the first path at which the file lies; None if there is none."""
        return next((path for path in self.paths(data_dir, folders) if path.is_file()), None)

    def read(self, path: Path) -> bytes:
        """Read the file at `path`, and unpack it; one that is not as published unpacks to what its size deserves.

        Raises:
            DataError: it cannot be read or unpacked, or has another hash.
        """
        try:
            content = read_regular(path)
        except OSError as error:
            raise DataError(f"cannot read {path}: {error.strerror}; check its permissions") from error
        if self.unpacked_hash and content.startswith(_GZIP_MAGIC):
            try:
                with Meter(gzip.GzipFile(fileobj=BytesIO(content)), allowance(len(content))) as unpacker:
                    content = unpacker.read()
            except (OSError, EOFError, zlib.error) as error:
                raise self._damaged(path, self.hash, content, f" ({error})") from error
        expected = self.unpacked_hash or self.hash
        if not self._digest(content).startswith(expected):
            raise self._damaged(path, expected, content)
        return content

    def _digest(self, content: bytes) -> str:
        return hashlib.new(self.algorithm, content, usedforsecurity=False).hexdigest()

    def _damaged(self, path: Path, expected: str, content: bytes, why: str = "") -> DataError:
        return DataError(
            f"{path} is damaged or another file of that name{why}: expected {self.algorithm} {expected}, "
            f"found {self._digest(content)} in {len(content):,} bytes; get it again, or move it away"
        )
