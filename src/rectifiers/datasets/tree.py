"""Files in a folder, or in an archive as if it were one.

Archives are read in memory and never unpacked to disk, so nothing can land outside its folder.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import tarfile
import zipfile
from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from io import BytesIO
from pathlib import Path, PurePosixPath

from ..core.errors import DataError
from ..core.reading import Meter, allowance, damage, read_regular
from ..core.wording import printable

ARCHIVES = (".tar", ".tar.gz", ".tgz", ".zip")
_CHUNK = 1 << 20
_ERRORS = (tarfile.TarError, zipfile.BadZipFile, lzma.LZMAError)
_COMPRESSIONS: dict[bytes, Callable[[BytesIO], gzip.GzipFile | bz2.BZ2File | lzma.LZMAFile]] = {
    b"\x1f\x8b": lambda file: gzip.GzipFile(fileobj=file),
    b"BZh": bz2.BZ2File,
    b"\xfd7zXZ\x00": lzma.LZMAFile,
}


class Tree(ABC):
    """Base of folders and archives; names are relative, with slashes.

    Args:
        path: the folder or the archive.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @abstractmethod
    def folders(self, at: str = "") -> list[str]:
        """List the folders in a folder, sorted, without hidden ones."""

    @abstractmethod
    def files(self, at: str = "") -> list[str]:
        """List the files in a folder, sorted, without hidden ones."""

    @abstractmethod
    def read(self, name: str) -> bytes:
        """Read a file.

        Raises:
            DataError: there is no such file, or it cannot be read.
        """

    @abstractmethod
    def size(self, name: str) -> int:
        """Give the size of a file in bytes."""

    def where(self, name: str) -> str:
        """Name a file or folder, for errors; what cannot be printed is written as escapes."""
        text = str(self.path / name).encode(errors="surrogateescape").decode(errors="backslashreplace")
        return printable(text).replace("\n", r"\n")


class Directory(Tree):
    """A folder on disk."""

    def folders(self, at: str = "") -> list[str]:
        """List the folders in a folder, sorted, without hidden ones."""
        with os.scandir(self.path / at) as entries:
            return sorted(_join(at, entry.name) for entry in entries if entry.is_dir() and entry.name[0] != ".")

    def files(self, at: str = "") -> list[str]:
        """List the files in a folder, sorted, without hidden ones."""
        with os.scandir(self.path / at) as entries:
            return sorted(_join(at, entry.name) for entry in entries if entry.is_file() and entry.name[0] != ".")

    def read(self, name: str) -> bytes:
        """Read a file."""
        try:
            return read_regular(self.path / name)
        except OSError as error:
            raise DataError(f"cannot read {self.where(name)}: {error.strerror}; check the path") from error

    def size(self, name: str) -> int:
        """Give the size of a file in bytes."""
        return (self.path / name).stat().st_size


class Archive(Tree):
    """A tar or zip archive, compressed or not; a single folder around everything is left out of the names.

    Args:
        path: where it lies.
        content: its bytes, where they have been read already.

    Raises:
        DataError: it cannot be read or is truncated, or it holds links or names that lead out of it.
    """

    def __init__(self, path: Path, content: bytes | None = None) -> None:
        super().__init__(path)
        with damage(f"{path}: cannot be read as an archive", *_ERRORS, advice="get it again"):
            packed = read_regular(path) if content is None else content
            with BytesIO(packed) as file:
                zipped = zipfile.is_zipfile(file)
                file.seek(0)
                members = (_zip if zipped else _tar)(path, file, len(packed))
                contents = {name: content for name, content in members if not _is_of_macos(name)}
        if not contents:
            raise DataError(f"{path}: expected files in the archive, found none; get it again")
        tops = {name.partition("/")[0] for name in contents}
        if len(tops) == 1 and all("/" in name for name in contents):
            contents = {name.partition("/")[2]: content for name, content in contents.items()}
        self.contents = contents
        self._by_folder: dict[str, list[str]] = defaultdict(list)
        for name in sorted(contents):
            self._by_folder[name.rpartition("/")[0]].append(name)

    def folders(self, at: str = "") -> list[str]:
        """List the folders in a folder, sorted, without hidden ones."""
        prefix = _join(at, "")
        below = [name.removeprefix(prefix) for name in self._by_folder if name.startswith(prefix)]
        return sorted({_join(at, name.partition("/")[0]) for name in below if name and name[0] != "."})

    def files(self, at: str = "") -> list[str]:
        """List the files in a folder, sorted, without hidden ones."""
        return [name for name in self._by_folder.get(at, ()) if name.rpartition("/")[2][0] != "."]

    def read(self, name: str) -> bytes:
        """Read a file."""
        if name not in self.contents:
            raise DataError(f"{self.path}: expected a file {name} in the archive, found {len(self.contents)} others")
        return self.contents[name]

    def size(self, name: str) -> int:
        """Give the size of a file in bytes."""
        return len(self.contents[name])

    def read_by_name(self, name: str) -> bytes:
        """Read the one file of this name, in whichever folder it is.

        Raises:
            DataError: there is no such file, or more than one.
        """
        found = [path for path in self.contents if path.rpartition("/")[2] == name]
        if len(found) != 1:
            raise DataError(f"{self.path}: expected one file {name} in the archive, found {len(found)}; get it again")
        return self.contents[found[0]]


def is_archive(name: str) -> bool:
    """Tell whether a file's name ends like that of an archive.

    >>> is_archive("photos.ZIP"), is_archive("photos.rar")
    (True, False)
    """
    return name.lower().endswith(ARCHIVES)


def open_tree(path: Path) -> Tree:
    """Open the folder or archive at a path.

    Raises:
        DataError: there is neither, or the archive cannot be read.
    """
    if path.is_dir():
        return Directory(path)
    if path.is_file() and is_archive(path.name):
        return Archive(path)
    raise DataError(f"no folder {path}; write the path of a folder, or of an archive ({', '.join(ARCHIVES)})")


def _is_of_macos(name: str) -> bool:
    """Tell whether it was macOS that put a file into an archive, beside the user's: `._NAME`, or below `__MACOSX`.

    >>> _is_of_macos("__MACOSX/pets/cat/._1.png"), _is_of_macos("pets/._cat"), _is_of_macos("pets/cat/1.png")
    (True, True, False)
    """
    folder, _, rest = name.partition("/")
    return (folder == "__MACOSX" and bool(rest)) or name.rpartition("/")[2].startswith("._")


def _join(at: str, name: str) -> str:
    return f"{at}/{name}" if at else name


def _tar(path: Path, file: BytesIO, size: int) -> Iterator[tuple[str, bytes]]:
    begin = file.read(6)
    file.seek(0)
    opener = next((opener for magic, opener in _COMPRESSIONS.items() if begin.startswith(magic)), None)
    left = allowance(size)
    with (
        Meter(opener(file), left) if opener else file as stream,
        tarfile.open(fileobj=stream, mode="r:") as archive,
    ):
        place = -1
        for member in archive:
            if archive.offset <= place:
                raise EOFError("its members do not follow each other")
            place = archive.offset
            if member.isdir():
                continue
            # A sparse member may say that it is larger than what the stream holds.
            left -= member.size
            if member.size < 0 or left < 0:
                raise OSError(_too_much(size))
            content = archive.extractfile(member) if member.isreg() else None
            if content is None:
                raise DataError(f"{path}: refused because its member {member.name!r} is a link or a device, not a file")
            yield _inside(path, member.name), content.read()
        # tarfile takes an archive that breaks off between two members for a whole one; whole ones end in zeros, and
        # reading them to their end checks what compression added.
        stream.seek(archive.offset)
        if stream.read(tarfile.BLOCKSIZE) != tarfile.NUL * tarfile.BLOCKSIZE:
            raise EOFError("it is truncated")
        while stream.read(_CHUNK):
            pass


def _zip(path: Path, file: BytesIO, size: int) -> Iterator[tuple[str, bytes]]:
    with zipfile.ZipFile(file) as archive:
        members = [member for member in archive.infolist() if not member.is_dir()]
        for member, content in read_members(archive, members, size):
            yield _inside(path, member.filename), content


def read_members(
    archive: zipfile.ZipFile, members: Iterable[zipfile.ZipInfo], size: int
) -> Iterator[tuple[zipfile.ZipInfo, bytes]]:
    """Unpack members of a zip archive, one after another; each is as large as the archive says.

    Args:
        archive: the archive.
        members: which.
        size: bytes of the whole archive.

    Raises:
        OSError: they unpack to more than an archive of that size deserves.
        Exception: whatever zipfile raises at damaged bytes.
    """
    left = allowance(size)
    for member in members:
        left -= member.file_size
        if left < 0:
            raise OSError(_too_much(size))
        if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise NotImplementedError(f"its member {member.filename!r} is packed by another method than deflate")
        with archive.open(member) as file:
            # One byte more than it should have, so that its end is reached and its checksum compared.
            content = file.read(member.file_size + 1)
        if len(content) != member.file_size:
            raise EOFError(f"its member {member.filename!r} is truncated")
        yield member, content


def _too_much(size: int) -> str:
    return f"{size:,} bytes unpack to more than {allowance(size):,}; if it is meant to, unpack it to a folder"


def _inside(path: Path, name: str) -> str:
    """Return the name if it stays in the archive's folder."""
    pure = PurePosixPath(name)
    if pure.is_absolute() or ".." in pure.parts or "\\" in name:
        raise DataError(f"{path}: refused because its member {name!r} leads out of the archive")
    return str(pure)
