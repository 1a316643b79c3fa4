"""In which order trials are begun."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection
from typing import Any

from .trial import Trial


def in_order(trials: Collection[Trial], *, key: Callable[[Trial], Any] = lambda trial: 0) -> deque[Trial]:
    """Trials that others need first, then one of each start, votes last, so that no worker waits for another.

    Args:
        trials: in the order that they are to have otherwise.
        key: of each, by which they are ordered within these stages.
    """
    needed = {ancestor for trial in trials for ancestor in trial.ancestors}
    firsts = {trial.start: trial for trial in reversed(list(trials)) if trial.start is not None}

    def rank(trial: Trial) -> tuple[int, Any]:
        if trial.vote:
            stage = 3
        elif trial in needed:
            stage = 0
        else:
            stage = 2 if trial.start is None or firsts[trial.start] is not trial else 1
        return stage, key(trial)

    return deque(sorted(trials, key=rank))


def seed_by_seed(trials: Collection[Trial]) -> Callable[[Trial], tuple[int, int]]:
    """A key that leaves seeds in their order, so that an interrupted sweep has something of every cell.

    Those of one seed that have the most epochs come first.
    """
    seeds = {seed: place for place, seed in enumerate(dict.fromkeys(trial.seed for trial in trials))}
    return lambda trial: (seeds[trial.seed], -trial.epochs)
