"""How much of this machine may be used: cores by the processor affinity."""

from __future__ import annotations

import os


def count_cores() -> int:
    """How many cores this process may run on: fewer than there are in a container, or in a job of a cluster.

    Example:
        >>> 1 <= count_cores() <= (os.cpu_count() or 1)
        True
    """
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
