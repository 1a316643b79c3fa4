"""How much of this machine may be used: cores by affinity and quota, and workers as the user says."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable
from typing import Literal

from ..core import control_group
from .trial import Trial

AUTO = "auto"
Workers = int | Literal["auto"] | None
"""How many workers there are to be: a number, as many as get most done, or as many as `count_fitting`."""


def count_cores() -> int:
    """How many cores this process may use: fewer than there are in a container, or in a job of a cluster.

    Example:
        >>> 1 <= count_cores() <= (os.cpu_count() or 1)
        True
    """
    there = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    limit = control_group.cores()
    # Slurm divides a node's processors among jobs, but only some clusters hold each to its own.
    granted = os.environ.get("SLURM_CPUS_PER_TASK") or os.environ.get("SLURM_CPUS_ON_NODE") or ""
    limits = [] if limit is None else [math.ceil(limit)]
    limits += [int(granted)] if granted.isdecimal() and int(granted) else []
    return min([there, *limits])


def count_fitting(trials: Iterable[Trial]) -> int:
    """How many trials at a time have a core for each of their threads; 1 if not even one has.

    Args:
        trials: of which the one with the most threads counts.
    """
    return max(1, count_cores() // max((trial.threads for trial in trials), default=1))
