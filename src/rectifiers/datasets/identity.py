"""Data at a path are known by their content: the digest of files, and where it is kept so that they are read once."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from ..core.errors import DataError
from ..core.files import write_whole
from ..kernels.build import cache_dir

_RECENT = 2.0
"""Seconds after a change during which another could go unseen: clocks of file systems are coarse."""
_BLOCK = 1 << 20


def digest_path(path: Path) -> str | None:
    """Sixteen hexadecimal digits that stand for the content of a file, or of all files in a folder but hidden ones.

    It is computed once and kept in the user's cache, until the size or the time of a file changes.

    Returns:
        None where there is nothing at `path`.

    Raises:
        DataError: a file cannot be read.
    """
    try:
        files = dict(_list_files(path))
        stamp = _digest_text(f"{name} {stat}" for name, (_, stat, _) in files.items())
        newest = max((changed for _, _, changed in files.values()), default=0.0)
        if not files:
            return None
        if (known := _recall(path, stamp)) is not None:
            return known
        content = (f"{name} {_digest_file(file)}" for name, (file, _, _) in files.items())
        digest = _digest_text(content if path.is_dir() else (_digest_file(path),))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise DataError(f"cannot read {error.filename or path}: {error.strerror}; check its permissions") from None
    if time.time() - newest > _RECENT:
        _keep(path, stamp, digest)
    return digest


def stamp_path(path: Path) -> str | None:
    """Tell the names, sizes and times of a file, or of all files in a folder but hidden ones, without reading them.

    Returns:
        A text that changes when they do; None where nothing can be looked at.
    """
    try:
        return _digest_text(f"{name} {stat}" for name, (_, stat, _) in _list_files(path))
    except OSError:
        return None


def _list_files(path: Path) -> Iterator[tuple[str, tuple[Path, str, float]]]:
    """Name within the folder, place, size and time of each file, and when it changed; sorted by name."""
    for file in [path] if path.is_file() else sorted(_walk(path)):
        if file.is_file():
            stat = file.stat()
            yield file.relative_to(path).as_posix(), (file, f"{stat.st_size} {stat.st_mtime_ns}", stat.st_mtime)


def _walk(path: Path) -> Iterator[Path]:
    """Whatever is in a folder but hidden things, and in the folders to which links in it lead."""
    for place, folders, names in os.walk(path, followlinks=True):
        here = Path(place).resolve()
        # A link to where one comes from would be followed for ever.
        folders[:] = [
            name for name in folders if name[0] != "." and not here.is_relative_to(Path(place, name).resolve())
        ]
        yield from (Path(place, name) for name in names if name[0] != ".")


def _digest_file(path: Path) -> str:
    sha = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            sha.update(block)
    return sha.hexdigest()


def _digest_text(lines: Iterator[str] | tuple[str, ...]) -> str:
    sha = hashlib.sha256()
    for line in lines:
        sha.update(line.encode("utf-8", "surrogateescape") + b"\n")
    return sha.hexdigest()[:16]


def _note(path: Path) -> Path:
    """The file in the user's cache that holds the digest of a path."""
    return cache_dir() / "digests" / f"{_digest_text((str(path),))}.json"


def _recall(path: Path, stamp: str) -> str | None:
    with suppress(OSError, RuntimeError, ValueError, KeyError, TypeError):
        kept = json.loads(_note(path).read_bytes())
        if kept["stamp"] == stamp and isinstance(kept["digest"], str):
            return kept["digest"]
    return None


def _keep(path: Path, stamp: str, digest: str) -> None:
    # Without a cache it is computed each time.
    with suppress(OSError, RuntimeError):
        note = _note(path)
        note.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with write_whole(note) as file:
            file.write_text(json.dumps({"stamp": stamp, "digest": digest}))
