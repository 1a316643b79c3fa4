"""Reading what may be damaged or hostile, within bounds: regular files alone, and no more memory than a file deserves.

Every reader of files keeps to the words here: a file that unpacks to more than its `allowance` is refused, and what a
parser raises at damaged bytes is named by `damage`.
"""

from __future__ import annotations

import errno
import io
import json
import os
import stat
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from .errors import DataError, RectifiersError

SPARE = 64 * 2**20
RATIO = 100
_PIECE = 1 << 24

MALFORMED = (
    OSError,
    EOFError,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    ArithmeticError,
    AssertionError,
    RuntimeError,  # recursion too deep, a password, a method that is not implemented
    MemoryError,
    SyntaxError,
    struct.error,
    zlib.error,
)
"""What parsers raise at bytes that are not what they claim to be."""


def allowance(size: int) -> int:
    """How many bytes a file of `size` bytes may unpack to: what compresses further was made to fill memory.

    Example:
        >>> allowance(0) == 64 * 2**20, allowance(10**6) - allowance(0)
        (True, 100000000)
    """
    return SPARE + RATIO * size


@contextmanager
def damage(
    message: str, *more: type[Exception], error_class: type[RectifiersError] = DataError, advice: str = ""
) -> Iterator[None]:
    """Name the file where a parser stumbles over damaged bytes; errors that were raised on purpose pass.

    Args:
        message: which file, and what was expected of it; what went wrong follows.
        *more: errors that are named too: the parser's own, or some that were raised on purpose.
        error_class: the error to raise.
        advice: what to do, at the end.

    Raises:
        RectifiersError: of that class.

    Example:
        >>> with damage("a.json: expected a list"):
        ...     json.loads("[")
        Traceback (most recent call last):
        rectifiers.core.errors.DataError: a.json: expected a list: Expecting value: line 1 column 2 (char 1)
    """
    try:
        yield
    except Exception as error:
        if not isinstance(error, more) and (isinstance(error, RectifiersError) or not isinstance(error, MALFORMED)):
            raise
        first = str(error).partition("\n")[0]
        if isinstance(error, RecursionError):
            why = "it is nested too deeply"
        elif isinstance(error, (OSError, ValueError, *more)) and first:
            why = first
        else:
            why = f"{type(error).__name__} {first}".rstrip()
        raise error_class(f"{message}: {why}{advice and f'; {advice}'}") from error


def read_regular(path: Path | str) -> bytes:
    """Read a file, and never wait for a pipe or read a device without end.

    Raises:
        OSError: it cannot be read, or is not a regular file (EISDIR for a folder, EINVAL for anything else).

    Example:
        >>> read_regular(os.devnull)
        Traceback (most recent call last):
        OSError: [Errno 22] is not a regular file: '/dev/null'
    """
    # By bare calls of the system: ten thousand results are read at once.
    handle, size = _open_regular(path)
    try:
        parts = [os.read(handle, size + 1)]
        while parts[-1]:
            parts.append(os.read(handle, 1 << 20))
    finally:
        os.close(handle)
    return parts[0] if len(parts) == 2 else b"".join(parts)


def open_regular(path: Path | str) -> BinaryIO:
    """Open a file to read it, as `read_regular` does.

    Raises:
        OSError: as for `read_regular`.
    """
    return os.fdopen(_open_regular(path)[0], "rb")


_READING = sum(getattr(os, name, 0) for name in ("O_NONBLOCK", "O_CLOEXEC", "O_BINARY"))


def _open_regular(path: Path | str) -> tuple[int, int]:
    """A handle of a file, and its size."""
    handle = os.open(path, os.O_RDONLY | _READING)
    status = os.fstat(handle)
    if stat.S_ISREG(status.st_mode):
        return handle, status.st_size
    os.close(handle)
    if stat.S_ISDIR(status.st_mode):
        raise OSError(errno.EISDIR, "is a folder", str(path))
    raise OSError(errno.EINVAL, "is not a regular file", str(path))


def parse_json(text: str | bytes) -> Any:
    """Parse JSON text.

    Raises:
        ValueError: it is not JSON, is nested too deeply, or has a number of thousands of digits.

    Example:
        >>> parse_json("[" * 100_000)
        Traceback (most recent call last):
        ValueError: it is nested too deeply
    """
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


class _Readable(Protocol):
    def read(self, size: int = ..., /) -> bytes: ...
    def seek(self, offset: int, /) -> int: ...
    def tell(self) -> int: ...


class Meter(io.RawIOBase):
    """A file that is read up to a number of bytes and not further, such as the content of a compressed one.

    Args:
        file: what to read from.
        limit: bytes up to which it may be read.

    Example:
        >>> Meter(io.BytesIO(b"12345"), limit=3).read(4)
        Traceback (most recent call last):
        OSError: [Errno 27] unpacks to more than 3 bytes
    """

    def __init__(self, file: _Readable, limit: int) -> None:
        self._file = file
        self.limit = limit

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def tell(self) -> int:
        """Where the next byte is read."""
        return self._file.tell()

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a place that is not beyond the limit; it is counted from the start."""
        if not 0 <= offset <= self.limit or whence != os.SEEK_SET:
            raise self._beyond()
        return self._file.seek(offset)

    def read(self, size: int | None = -1) -> bytes:
        """Read the next bytes, or all that are left."""
        left = self.limit - self._file.tell()
        wanted = left + 1 if size is None or size < 0 else min(size, left + 1)
        parts = []
        # In pieces, because who reads at once takes the memory at once, whether so much comes or not.
        while wanted > 0 and (part := self._file.read(min(wanted, _PIECE))):
            parts.append(part)
            wanted -= len(part)
            left -= len(part)
        if left < 0:
            raise self._beyond()
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _beyond(self) -> OSError:
        return OSError(errno.EFBIG, f"unpacks to more than {self.limit:,} bytes")


def inflate(content: bytes, limit: int) -> bytes:
    """Unpack one stream of zlib's to at most `limit` bytes.

    Raises:
        ValueError: it is truncated, or goes beyond the limit.
        zlib.error: it is damaged.

    Example:
        >>> inflate(zlib.compress(b"abc"), 3)
        b'abc'
        >>> inflate(zlib.compress(bytes(10**6)), 10)
        Traceback (most recent call last):
        ValueError: it unpacks to more than 10 bytes
    """
    unpacker = zlib.decompressobj()
    unpacked = unpacker.decompress(content, limit + 1)
    if len(unpacked) > limit:
        raise ValueError(f"it unpacks to more than {limit:,} bytes")
    if not unpacker.eof:
        raise ValueError("it is truncated")
    return unpacked
