"""Stopwatches that take turns, so that a machine that slows down slows all that is compared."""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import torch


def clock(call: Callable[[], object], calls: int, before: Callable[[], object] = lambda: None) -> float:
    """Seconds per call, without what comes before each."""
    elapsed = 0.0
    for _ in range(calls):
        before()
        start = time.perf_counter()
        call()
        elapsed += time.perf_counter() - start
    return elapsed / calls


def take_turns(watches: Mapping[str, Callable[[], float]], rounds: int) -> dict[str, list[float]]:
    """Read every stopwatch once per round, after one reading that does not count.

    Every round has another order, for what was timed before leaves its marks in caches and in the heap.
    """
    for watch in watches.values():
        watch()
    seconds: dict[str, list[float]] = {name: [] for name in watches}
    shuffled = random.Random(0)
    for _ in range(rounds):
        for name in shuffled.sample(list(watches), len(watches)):
            seconds[name].append(watches[name]())
    return seconds


def quartiles(values: Sequence[float], yardstick: Sequence[float], parts: float = 1) -> tuple[float, ...]:
    """Quartiles of the ratios, round by round.

    Args:
        values: of one, in every round.
        yardstick: of what it is compared with, in the same rounds.
        parts: what each ratio is divided by.

    Example:
        >>> quartiles([2.0, 3.0, 4.0], [1.0, 1.0, 1.0])
        (2.5, 3.0, 3.5)
    """
    ratios = [value / other / parts for value, other in zip(values, yardstick, strict=True)]
    return tuple(statistics.quantiles(ratios, n=4, method="inclusive"))


def percentiles(values: Sequence[float]) -> tuple[float, float, float]:
    """The 20th, 50th and 80th percentile.

    Example:
        >>> percentiles([1.0, 2.0, 3.0, 4.0, 5.0, 6.0])
        (2.0, 3.5, 5.0)
    """
    fifths = statistics.quantiles(values, n=5, method="inclusive")
    return fifths[0], statistics.median(values), fifths[3]


@contextmanager
def use_threads(count: int) -> Iterator[None]:
    """Let PyTorch use that many threads in the block."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
