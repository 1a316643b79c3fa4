"""A user's Python file: loaded by its path, identified by its content. Imports no torch by itself."""

from __future__ import annotations

import hashlib
import importlib.util
import re
import sys
import traceback
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from .errors import ConfigError
from .factory import story
from .reading import read_regular

_REFERENCE = re.compile(r"(?P<path>.+\.py)(?::(?P<name>[^\W\d]\w*))?")

_added_folders: set[str] = set()


@dataclass(frozen=True)
class OwnFile:
    """A file as it was when it was loaded.

    Args:
        path: where it lies, from the root.
        digest: sixteen hexadecimal digits of its content.
        module: what it defines.
    """

    path: Path
    digest: str
    module: ModuleType


def parse_reference(reference: str) -> tuple[Path, str | None]:
    """Path and name of `FILE.py:NAME`; None for the name where only the file is given.

    Raises:
        ConfigError: it is written otherwise.

    Example:
        >>> parse_reference("acts/my_act.py:MyAct")[1], parse_reference("my_act.py")[1]
        ('MyAct', None)
    """
    match = _REFERENCE.fullmatch(str(reference))
    if match is None:
        raise ConfigError(f"expected FILE.py:NAME, such as my_act.py:MyAct, got {str(reference)!r}")
    return Path(match["path"]).expanduser(), match["name"]


def is_file_reference(text: str) -> bool:
    """Whether a text is `FILE.py:NAME` or `FILE.py`.

    Example:
        >>> is_file_reference("my_act.py"), is_file_reference("my.pytorch_acts:MyAct")
        (True, False)
    """
    return _REFERENCE.fullmatch(text) is not None


def load_file(path: Path) -> OwnFile:
    """Import a file by its path; one whose content has not changed is imported once.

    What lies beside it can be imported by it.

    Args:
        path: the file.

    Raises:
        ConfigError: it cannot be read, is not Python, or raises.
    """
    place = path.resolve()
    try:
        content = read_regular(place)
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}; give the path of a Python file of yours") from None
    digest = hashlib.sha256(content).hexdigest()[:16]
    name = f"_own_{place.stem}_{hashlib.sha256(str(place).encode()).hexdigest()[:8]}_{digest}"
    if name not in sys.modules:
        sys.modules[name] = _execute(path, place, name, content)
    return OwnFile(place, digest, sys.modules[name])


def import_path() -> list[str]:
    """Where Python looks for modules by itself, without the folders of files that were loaded by their path.

    Example:
        >>> set(import_path()) <= set(sys.path)
        True
    """
    return [folder for folder in sys.path if folder not in _added_folders]


def _execute(path: Path, place: Path, name: str, content: bytes) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, place)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    folder = str(place.parent)
    if folder not in sys.path:
        sys.path.append(folder)
        _added_folders.add(folder)
    # While it runs, too: dataclasses look their module up.
    sys.modules[name] = module
    try:
        # Not by its loader, which takes bytecode of the file as it was earlier in the same second for that of this one.
        exec(compile(content, str(place), "exec", dont_inherit=True), vars(module))
    except BaseException as error:
        del sys.modules[name]
        if isinstance(error, KeyboardInterrupt):
            raise
        raise ConfigError(f"{path}{_tell(error, place)}; correct the file") from error
    return module


def _tell(error: BaseException, place: Path) -> str:
    """What went wrong in the file, and in which line of it."""
    if isinstance(error, SyntaxError) and error.filename == str(place):
        return f", line {error.lineno}, is not Python: {error.msg}"
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(place)]
    where = f", line {lines[-1]}," if lines else ""
    return f"{where} raises {story(error)}"
