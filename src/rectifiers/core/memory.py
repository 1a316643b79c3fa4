"""The memory of this machine as a limit that is an error, where the system would kill the process."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from . import control_group

try:
    import resource
except ImportError:  # Windows has none.
    resource = None  # type: ignore[assignment]

SPARED = 2**29
"""Bytes that stay free for what else runs."""

_MESSAGES = ("allocate memory", "bad_alloc", "memory object", "out of memory")
"""What PyTorch's allocator for the CPU, the C++ library, oneDNN and the drivers of devices write."""


@contextmanager
def within_memory() -> Iterator[None]:
    """Let allocations fail that go beyond what is free now; on systems other than Linux nothing changes."""
    meminfo, status = Path("/proc/meminfo"), Path("/proc/self/status")
    if resource is None or not (meminfo.exists() and status.exists()):
        yield
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    # What the process has reserved without using it counts for the limit, and is not taken from what is free.
    limit = _read_bytes(status, "VmData") + (free() or 0)
    if soft != resource.RLIM_INFINITY:
        limit = min(limit, soft)
    resource.setrlimit(resource.RLIMIT_DATA, (limit, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))


def free() -> int | None:
    """How many bytes may be taken now, of this machine and in the limits of a container; None where nothing says it."""
    meminfo = Path("/proc/meminfo")
    available = [_read_bytes(meminfo, "MemAvailable")] if meminfo.exists() else []
    limit = control_group.memory()
    available += [] if limit is None else [limit]
    return max(0, min(available) - SPARED) if available else None


def peak(process: int | str = "self") -> int | None:
    """How many bytes a process has held at most, without what it shares with others; None where that is not known.

    Args:
        process: its number; this one by default.
    """
    status = Path(f"/proc/{process}/status")
    try:
        # Libraries and files in memory are there once for all processes.
        shared = _read_bytes(status, "RssFile") + _read_bytes(status, "RssShmem")
        return max(0, _read_bytes(status, "VmHWM") - shared)
    except (OSError, KeyError):
        return None


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory ran out.

    Python and PyTorch's allocator for GPUs have a type for it. Its allocator for the CPU, and what is compiled into
    it, raise a plain RuntimeError, which nothing but its text tells from any other.

    Example:
        >>> is_out_of_memory(MemoryError()), is_out_of_memory(RuntimeError("shapes do not fit"))
        (True, False)
    """
    # An error of PyTorch's comes from where it is loaded, and what only asks need not load it.
    torch = sys.modules.get("torch")
    if isinstance(error, MemoryError) or (torch is not None and isinstance(error, torch.OutOfMemoryError)):
        return True
    return isinstance(error, RuntimeError) and any(message in str(error) for message in _MESSAGES)


def _read_bytes(path: Path, key: str) -> int:
    for line in path.read_text(encoding="ascii", errors="replace").splitlines():
        name, _, value = line.partition(":")
        if name == key:
            return 1024 * int(value.split()[0])
    raise KeyError(key)
