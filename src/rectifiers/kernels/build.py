"""Compile the kernels on this machine, once, by one call of the C++ compiler, and keep them in the user's cache.

A process that is killed while it builds leaves no lock, for the system opens it, and only a file that nobody loads.
"""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

SOURCES = Path(__file__).parent / "cpu"
# The oldest PyTorch whose stable ABI has what the sources use; the library serves all from there on.
TARGET = "0x020a000000000000"
FLAGS = (
    "-std=c++17",
    "-O3",
    "-fPIC",
    "-shared",
    "-fopenmp-simd",
    "-fvisibility=hidden",
    # Nobody reads errno or floating-point exceptions; results are the same.
    "-fno-math-errno",
    "-fno-trapping-math",
    f"-DTORCH_TARGET_VERSION={TARGET}",
)
LOCK_SECONDS = 180.0
BUILD_SECONDS = 150.0


class BuildError(Exception):
    """Why there is no compiled library."""


def find_or_build() -> tuple[Path, str]:
    """Find the compiled library, or build it, and say where it comes from.

    Raises:
        BuildError: there is none and it cannot be built.
    """
    if sys.platform not in ("linux", "darwin"):
        raise BuildError(f"they are not built on {sys.platform}")
    compiler = shutil.which(os.environ.get("CXX") or "c++")
    if compiler is None:
        raise BuildError("no C++ compiler; install g++ or clang, or name one in CXX")
    path = cache_dir() / fingerprint(compiler) / "librectifiers.so"
    if path.exists():
        return path, f"built before, {path}"
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with _lock(path.with_suffix(".lock")):
            if not path.exists():
                _compile(compiler, path)
    except OSError as error:
        raise BuildError(f"{path.parent} cannot be written: {error.strerror or error}") from error
    return path, f"built now, {path}"


def cache_dir() -> Path:
    """Where compiled libraries are kept: below XDG_CACHE_HOME, or ~/.cache."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path("~/.cache").expanduser()) / "rectifiers"


def fingerprint(compiler: str) -> str:
    """A name for all that a compiled library depends on."""
    digest = hashlib.sha256()
    for source in sources():
        digest.update(source.name.encode() + b"\0" + source.read_bytes())
    major = torch.__version__.partition(".")[0]
    digest.update(repr((FLAGS, str(Path(compiler).resolve()), platform.machine(), sys.platform, major)).encode())
    return digest.hexdigest()[:16]


def sources() -> list[Path]:
    """The C++ files, headers included."""
    return sorted(path for path in SOURCES.iterdir() if path.suffix in (".cpp", ".h", ".inc", ".def"))


def command(compiler: str, target: Path) -> list[str]:
    """The one call of the compiler."""
    home = Path(torch.__file__).parent
    return [
        compiler,
        *FLAGS,
        *(str(source) for source in sources() if source.suffix == ".cpp"),
        f"-isystem{home / 'include'}",
        f"-L{home / 'lib'}",
        "-ltorch_cpu",
        "-o",
        str(target),
    ]


def _compile(compiler: str, path: Path) -> None:
    unfinished = path.with_suffix(f".{os.getpid()}")
    try:
        subprocess.run(command(compiler, unfinished), check=True, capture_output=True, text=True, timeout=BUILD_SECONDS)
        unfinished.replace(path)
    except subprocess.TimeoutExpired as error:
        raise BuildError(f"{compiler} took longer than {BUILD_SECONDS:.0f} s") from error
    except subprocess.CalledProcessError as error:
        lines = [line for line in error.stderr.splitlines() if "error" in line.lower()] or error.stderr.splitlines()
        raise BuildError(f"{compiler} failed: {lines[0] if lines else f'exit status {error.returncode}'}") from error
    finally:
        unfinished.unlink(missing_ok=True)


@contextmanager
def _lock(path: Path) -> Iterator[None]:
    """Hold a lock that the system opens when the process ends, however it ends."""
    import fcntl

    deadline = time.monotonic() + LOCK_SECONDS
    with path.open("w") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise BuildError(f"another process has been building for {LOCK_SECONDS:.0f} s") from None
                time.sleep(0.05)
        yield
