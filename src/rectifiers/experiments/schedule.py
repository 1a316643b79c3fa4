"""What trials take on many workers, computed from what each of them takes."""

from __future__ import annotations

import heapq
from collections.abc import Mapping

from .order import in_order
from .trial import Trial


def makespan(seconds: Mapping[Trial, float], workers: int, counts: Mapping[Trial, int] | None = None) -> float:
    """Seconds until all are done: each idle worker takes the longest trial left, after those that others start from.

    A worker whose trial starts from another one, which has not ended, waits for it, as workers do.

    Args:
        seconds: of each trial.
        workers: how many there are.
        counts: how many trials each stands for; None for one.

    Example:
        >>> trial = Trial.create(dataset="digits", network="digits-conv", activation="relu", lr=0.1)
        >>> makespan({trial.with_seed(seed): hours for seed, hours in enumerate((1.0, 2.0, 3.0, 6.0))}, 2)
        6.0
    """
    counts = dict.fromkeys(seconds, 1) if counts is None else counts
    free = [0.0] * min(workers, sum(counts.values()))
    ended: dict[Trial, float] = {}
    for trial in in_order(sorted(seconds, key=lambda trial: -seconds[trial])):
        takes, ready = seconds[trial], max((ended.get(start, 0.0) for start in trial.ancestors), default=0.0)
        for _ in range(counts[trial]):
            ends = max(free[0], ready) + takes
            heapq.heapreplace(free, ends)
        ended[trial] = ends
    return max(free, default=0.0)
