"""Files that are written completely or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from .errors import ConfigError
from .wording import is_printable_line

STREAMS = {"/dev/stdout": 1, "/dev/stderr": 2}
"""Files that stand for what a process has open, by its number."""


@contextmanager
def write_whole(path: Path) -> Iterator[Path]:
    """Give a temporary file to write to, and put it at `path` once it is on the disk; after an error, `path` stays.

    Raises:
        OSError: there is no space, no permission, or no such folder.

    Example:
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     with write_whole(Path(folder) / "a.txt") as file:
        ...         _ = file.write_text("whole")
        ...     (Path(folder) / "a.txt").read_text()
        'whole'
    """
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        temporary.chmod(0o644)
        temporary.replace(path)
    except (Exception, KeyboardInterrupt):
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise


def write_file(path: Path, content: str | bytes, *, make_folder: bool = False) -> None:
    """Write a file that the user asked for, whole or not at all; to a device such as /dev/stdout it is just written.

    Args:
        path: where to.
        content: of the file; text as UTF-8.
        make_folder: make the folder if it is not there.

    Raises:
        ConfigError: it cannot be written.
    """
    data = content if isinstance(content, bytes) else content.encode()
    try:
        if make_folder:
            path.parent.mkdir(parents=True, exist_ok=True)
        if str(path) in STREAMS:
            # Where these go to a file, opening it by this name would begin it anew, over what is there already.
            with os.fdopen(os.dup(STREAMS[str(path)]), "wb") as stream:
                stream.write(data)
            return
        if path.exists() and not path.is_file():
            path.write_bytes(data)
            return
        with write_whole(path.resolve()) as file:  # not in place of a link to it
            file.write_bytes(data)
    except OSError as error:
        raise ConfigError(f"cannot write {path}: {error.strerror or error}; choose another place") from None


def check_file(path: Path) -> None:
    """Make sure, before the work whose result it is to hold, that a file which the user asked for can be written.

    Args:
        path: where `write_file` is to write it, with folders that are missing.

    Raises:
        ConfigError: it is a folder, or its place cannot be written to.

    Example:
        >>> check_file(Path("/"))
        Traceback (most recent call last):
        rectifiers.core.errors.ConfigError: cannot write /: it is a folder; choose another place
    """
    if path.is_dir():
        raise ConfigError(f"cannot write {path}: it is a folder; choose another place")
    if str(path) in STREAMS or (path.exists() and not path.is_file() and os.access(path, os.W_OK)):
        return  # not replaced, but written to
    place = next(folder for folder in path.absolute().parents if folder.exists())
    if not place.is_dir() or not os.access(place, os.W_OK):
        raise ConfigError(f"cannot write {path}: {place} is not a folder that you can write to; choose another place")


def fill_standard_streams() -> None:
    """Open what is closed of standard input, output and error to nowhere, so that no pipe or file gets its number.

    What a process writes to its standard error would go into that file, and a process that is started would take it
    for its own standard error.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            # Gets the lowest number that is free. Processes that are started need it too: in them, a pipe would get it.
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)


def named_path(text: str | Path, what: str) -> Path:
    r"""Make an absolute path of what the user wrote; `~` and `~name` stand for home folders.

    Args:
        text: what the user wrote.
        what: what it is the path of, for the error.

    Raises:
        ConfigError: it is not in UTF-8, or holds control characters, or names the home of nobody.

    Example:
        >>> named_path("/photographs/cats", "data").name
        'cats'
        >>> named_path("a\0b", "data")
        Traceback (most recent call last):
        rectifiers.core.errors.ConfigError: data: expected a path that can be printed, got b'a\x00b'; rename it
    """
    if not is_printable_line(str(text)):
        raise ConfigError(f"{what}: expected a path that can be printed, got {os.fsencode(str(text))!r}; rename it")
    path = _at_home(Path(text), what)
    try:
        return path.resolve()
    except (RuntimeError, OSError) as error:  # links in a circle
        raise ConfigError(f"{what}: cannot find {str(text)!r}: {error}; write the whole path") from None


def _at_home(path: Path, what: str) -> Path:
    """The path with the home folder in place of `~` and `~name`."""
    try:
        return path.expanduser()
    except RuntimeError:
        raise ConfigError(f"{what}: cannot find {str(path)!r}: no such user; write the whole path") from None


def check_folder(path: Path, what: str) -> Path:
    """Make sure that what the user named can be a folder; it need not be there yet.

    Args:
        path: the folder; `~` and `~name` stand for home folders.
        what: what it is for, for the error.

    Returns:
        The path, with the home folder in place of `~`.

    Raises:
        ConfigError: it is a file, or not in UTF-8, or holds control characters, or names the home of nobody.

    Example:
        >>> check_folder(Path("runs"), "--results").name
        'runs'
    """
    if not is_printable_line(str(path)):
        raise ConfigError(f"{what} must be a path that can be printed, got {os.fsencode(path)!r}; choose another one")
    path = _at_home(path, what)
    if path.exists() and not path.is_dir():
        raise ConfigError(f"{what} must be a folder, but {path} is a file; name another one")
    return path
