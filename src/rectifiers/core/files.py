"""Files that are written completely or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


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
