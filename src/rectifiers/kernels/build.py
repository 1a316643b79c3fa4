"""Compile a library on this machine, once, by one call of the C++ compiler, and keep it in the user's cache.

A process that is killed while it builds leaves no lock, because the system releases it, and only a file that nobody
loads. What is loaded runs as the user does, and a truncated library kills the process that touches it: so the folder is
the user's alone, and a library is loaded only if it has the checksum that was written once it was whole.
"""

from __future__ import annotations

import errno
import hashlib
import os
import platform
import stat
import subprocess
import sys
import sysconfig
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch

from ..core.compiler import find_compiler
from ..core.errors import ConfigError
from ..core.files import write_whole

SOURCES = Path(__file__).parent / "cpu"
# The oldest PyTorch whose stable ABI has what the sources use; the library serves all from there on.
TARGET = "0x020a000000000000"
FLAGS = (
    "-O3",
    "-fPIC",
    "-shared",
    "-fopenmp-simd",
    "-fvisibility=hidden",
    # Nobody reads errno or floating-point exceptions; results are the same.
    "-fno-math-errno",
    "-fno-trapping-math",
)


@dataclass(frozen=True)
class Library:
    """What is compiled.

    Args:
        name: of the file, without its ending.
        folder: of the sources.
        flags: of the compiler, beside `FLAGS`.
        libraries: PyTorch's, which it is linked with.
        version: of PyTorch, as far as the library depends on it.
        reads: sources of another folder that it reads.
    """

    name: str
    folder: Path
    flags: tuple[str, ...]
    libraries: tuple[str, ...]
    version: str
    reads: tuple[Path, ...] = ()

    def sources(self) -> list[Path]:
        """The C++ files, headers included."""
        endings = (".cpp", ".h", ".inc", ".def")
        return [*sorted(path for path in self.folder.iterdir() if path.suffix in endings), *self.reads]


KERNELS = Library(
    "librectifiers",
    SOURCES,
    ("-std=c++17", f"-DTORCH_TARGET_VERSION={TARGET}"),
    ("torch_cpu",),
    torch.__version__.partition(".")[0],
)
NODES = Library(
    "librectifiers_nodes",
    SOURCES / "nodes",
    (
        "-std=c++20",
        f"-D_GLIBCXX_USE_CXX11_ABI={int(torch.compiled_with_cxx11_abi())}",
        f"-isystem{sysconfig.get_path('include')}",
    ),
    ("c10", "torch_cpu", "torch", "torch_python"),
    torch.__version__,
    (SOURCES / "formulas.def",),
)
"""Nodes of the graph in C++, for which PyTorch's stable ABI has no name, and calls of them from this Python."""

LOCK_SECONDS = 180.0
"""That one waits for another process that builds."""
BUILD_SECONDS = 600.0
"""That a build may take."""


class BuildError(Exception):
    """Why there is no compiled library."""


def find_or_build(library: Library = KERNELS, *, patience: float | None = None) -> tuple[Path, str]:
    """Find a compiled library, or build it, and say where it comes from.

    Args:
        library: which.
        patience: seconds to wait for another process that builds it; None takes `LOCK_SECONDS`.

    Raises:
        BuildError: there is none and it cannot be built.
    """
    try:
        compiler = find_compiler()
    except ConfigError as error:
        raise BuildError(str(error)) from None
    path = cache_dir() / fingerprint(compiler, library) / f"{library.name}.so"
    try:
        for folder in (path.parent.parent, path.parent):
            _make_private(folder)
        if _is_whole(path):
            return path, f"built before, {path}"
        with _lock(path.with_suffix(".lock"), LOCK_SECONDS if patience is None else patience):
            if not _is_whole(path):
                # One without a checksum was built by an earlier version, or is what a crash has left.
                if path.exists() and _checksum_file(path).exists():
                    warnings.warn(
                        f"the compiled kernels in {path} were damaged; building them again",
                        RuntimeWarning,
                        stacklevel=2,
                    )
                _compile(compiler, library, path)
    except OSError as error:
        raise BuildError(f"{path.parent} cannot be written: {error.strerror or error}") from error
    return path, f"built now, {path}"


def cache_dir() -> Path:
    """Where compiled libraries are kept: below XDG_CACHE_HOME, or ~/.cache; without a home, in TMPDIR."""
    base = os.environ.get("XDG_CACHE_HOME")
    if base:
        return Path(base) / "rectifiers"
    try:
        return Path("~/.cache").expanduser() / "rectifiers"
    except RuntimeError:
        return Path(tempfile.gettempdir()) / f"rectifiers-{os.geteuid()}"


def _make_private(folder: Path) -> None:
    """Make a folder that nobody else can write to, or make sure that it is one."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.mkdir(exist_ok=True, mode=0o700)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
        raise BuildError(f"{folder} belongs to another user, or is not a folder; point XDG_CACHE_HOME elsewhere")
    if found.st_mode & 0o077:
        folder.chmod(0o700)


def _checksum_file(path: Path) -> Path:
    return path.with_suffix(".sha256")


def _is_whole(path: Path) -> bool:
    """Whether a library is there and has the checksum that was written beside it."""
    try:
        return _checksum_file(path).read_bytes() == _checksum(path)
    except FileNotFoundError:
        return False


def _checksum(path: Path) -> bytes:
    return hashlib.sha256(path.read_bytes()).hexdigest().encode()


def fingerprint(compiler: str, library: Library = KERNELS) -> str:
    """A name for all that a compiled library depends on."""
    digest = hashlib.sha256()
    for source in library.sources():
        digest.update(source.name.encode() + b"\0" + source.read_bytes())
    facts = (FLAGS, library.flags, str(Path(compiler).resolve()), platform.machine(), sys.platform, library.version)
    digest.update(repr(facts).encode())
    return digest.hexdigest()[:16]


def command(compiler: str, library: Library, target: Path) -> list[str]:
    """The one call of the compiler."""
    home = Path(torch.__file__).parent
    return [
        compiler,
        *FLAGS,
        *library.flags,
        *(str(source) for source in library.sources() if source.suffix == ".cpp"),
        f"-isystem{home / 'include'}",
        f"-isystem{home / 'include' / 'torch' / 'csrc' / 'api' / 'include'}",
        f"-L{home / 'lib'}",
        *(f"-l{name}" for name in library.libraries),
        "-o",
        str(target),
    ]


def _compile(compiler: str, library: Library, path: Path) -> None:
    for left in path.parent.glob(f".{path.name}.*"):  # by builders that were killed
        left.unlink()
    if sys.stderr is not None and not sys.stderr.closed and sys.stderr.isatty():
        # Only somebody at a terminal wonders what takes a minute.
        print(f"compiling {library.name}.so, once on this machine: about a minute", file=sys.stderr)
    try:
        with write_whole(path) as unfinished:
            subprocess.run(
                command(compiler, library, unfinished),
                check=True,
                capture_output=True,
                text=True,
                errors="replace",  # It may say something in another encoding than this process's.
                timeout=BUILD_SECONDS,
            )
        with write_whole(_checksum_file(path)) as file:
            file.write_bytes(_checksum(path))
    except subprocess.TimeoutExpired as error:
        raise BuildError(f"{compiler} took longer than {BUILD_SECONDS:.0f} s") from error
    except subprocess.CalledProcessError as error:
        raise BuildError(f"{compiler} failed: {_reason(error)}") from error


def _reason(error: subprocess.CalledProcessError) -> str:
    """The line in which a compiler says what was wrong: the linker's word of a full disk, or its first error."""
    lines = error.stderr.splitlines()
    for word in (os.strerror(errno.ENOSPC), "error", ""):
        for line in lines:
            if word.lower() in line.lower():
                return str(line)
    return f"exit status {error.returncode}"


@contextmanager
def _lock(path: Path, patience: float) -> Iterator[None]:
    """Hold a lock that the system opens when the process ends, however it ends."""
    import fcntl

    deadline = time.monotonic() + patience
    with path.open("w") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise BuildError(f"another process has been building for {patience:.0f} s") from None
                time.sleep(0.05)
        yield
