"""How much of this machine may be used: cores by the processor affinity, and workers as the user says."""

from __future__ import annotations

import os
from typing import Literal

AUTO = "auto"
Workers = int | Literal["auto"] | None
"""How many workers there are to be: a number, as many as get most done, or one per core."""


def count_cores() -> int:
    """How many cores this process may run on: fewer than there are in a container, or in a job of a cluster.

    Example:
        >>> 1 <= count_cores() <= (os.cpu_count() or 1)
        True
    """
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
