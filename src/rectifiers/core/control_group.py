"""What the control group of this process may use: containers and clusters on Linux limit processors and memory so."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

ROOT = Path("/sys/fs/cgroup")
LINES = Path("/proc/self/cgroup")


def cores() -> float | None:
    """How many processors the group gets time of, such as 1.5; None where nothing limits it.

    Example:
        >>> limit = cores()
        >>> limit is None or limit > 0
        True
    """
    found = []
    for folder in _folders("cpu"):
        quota, period = _read(folder / "cpu.cfs_quota_us"), _read(folder / "cpu.cfs_period_us")
        words = [*_read(folder / "cpu.max"), *quota[:1], *period[:1]]
        if len(words) >= 2 and words[0].isdecimal() and words[1].isdecimal() and int(words[1]):
            found.append(int(words[0]) / int(words[1]))
    return min((limit for limit in found if limit > 0), default=None)


def memory() -> int | None:
    """How many bytes the group may still take; None where nothing limits it.

    Files that are in memory because they were read do not count: the system gives their place away.
    """
    found = []
    for folder in _folders("memory"):
        limit = _read(folder / "memory.max") or _read(folder / "memory.limit_in_bytes")
        used = _read(folder / "memory.current") or _read(folder / "memory.usage_in_bytes")
        if limit and used and limit[0].isdecimal() and used[0].isdecimal():
            facts = _read(folder / "memory.stat")
            kept = dict(zip(facts[::2], facts[1::2], strict=False))
            files = int(kept.get("total_inactive_file") or kept.get("inactive_file") or 0)
            found.append(int(limit[0]) - int(used[0]) + files)
    return max(0, min(found)) if found else None


def _folders(controller: str) -> Iterator[Path]:
    """The folders of this process's group and of those around it, in either version of control groups."""
    try:
        lines = LINES.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, path = [*line.split(":", 2), "", ""][:3]
        if controllers and controller not in controllers.split(","):
            continue
        root = ROOT / controllers if controllers else ROOT
        if controllers and not root.is_dir():
            root = ROOT / controller
        # In a container the group may be called by its name outside, which is not there; the root then is its own.
        inside = Path(path.lstrip("/"))
        yield from (root / one for one in (inside, *inside.parents))


def _read(path: Path) -> list[str]:
    """The words of a file; none where it is not there."""
    try:
        return path.read_text(encoding="ascii", errors="replace").split()
    except OSError:
        return []
