"""In which order trials are begun."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection

from .trial import Trial

AHEAD = 2.0
"""How many times as long as the longest trial the others may take when it is time to begin with the longest."""
SHRUNK = 0.8
"""To which part trials that wait have to become fewer, before it is looked again whether that time has come."""


def in_order(trials: Collection[Trial]) -> deque[Trial]:
    """Trials that others need first, then one of each start, votes last, so that no worker waits for another.

    Args:
        trials: in the order that they are to have otherwise.
    """
    later = [trial for trial in trials if trial.vote or trial.start is not None]
    if not later:  # of very many trials, stages and hashes take a while
        return deque(trials)
    needed = {ancestor for trial in later for ancestor in trial.ancestors}
    firsts = {trial.start: trial for trial in reversed(later) if trial.start is not None}

    def stage(trial: Trial) -> int:
        if trial.vote:
            return 3
        if trial in needed:
            return 0
        return 2 if trial.start is None or firsts[trial.start] is not trial else 1

    return deque(sorted(trials, key=stage))


def seed_by_seed(trials: Collection[Trial]) -> list[Trial]:
    """Trials in the order of their seeds, so that an interrupted sweep has something of every cell.

    Seeds are in the order in which they come. Those of one seed that have the most epochs come first.
    """
    seeds = {seed: place for place, seed in enumerate(dict.fromkeys(trial.seed for trial in trials))}
    # To sort twice by a number takes half the time of sorting by pairs.
    by_epochs = sorted(trials, key=lambda trial: -trial.epochs)
    return sorted(by_epochs, key=lambda trial: seeds[trial.seed])


class Lengths:
    """How long trials are, learned from those that ended; before, the number of their epochs tells which are longer."""

    def __init__(self) -> None:
        self._kinds: dict[str, int] = {}
        self._seconds: dict[int, float] = {}
        self._total = self._epochs = self._count = self._longest = 0.0

    def learn(self, trial: Trial, seconds: float) -> None:
        """Note how long a trial took; others that differ in their seed alone are as long."""
        self._seconds[self._kind(trial)] = seconds
        self._total, self._epochs = self._total + seconds, self._epochs + max(trial.epochs, 1)
        self._count, self._longest = self._count + 1, max(self._longest, seconds)

    def mean_of_longest(self, epochs: int, mean: float) -> float:
        """The mean time of a trial, as a part of the longest that one may take.

        Args:
            epochs: that a trial has at most.
            mean: number of epochs of a trial, which tells it while no trial has ended.
        """
        if not self._count:
            return mean / epochs
        return self._total / self._count / max(self._longest, epochs * self._total / self._epochs)

    def __call__(self, trial: Trial) -> float:
        """Seconds that a trial will take; of a kind that none has ended of, by its epochs."""
        if self._seconds and (known := self._seconds.get(self._kind(trial))) is not None:
            return known
        return max(trial.epochs, 1) * (self._total / self._epochs if self._epochs else 1.0)

    def _kind(self, trial: Trial) -> int:
        # Looked up by the id, which is remembered; a hash is computed from all fields.
        kind = self._kinds.get(trial.id)
        if kind is None:
            kind = self._kinds[trial.id] = hash(trial.with_seed(0))
        return kind


class Tail:
    """Brings the longest trials forward when few are left, so that none is left when all others are done.

    Args:
        count: how many trials there are.
    """

    def __init__(self, count: int) -> None:
        self.lengths = Lengths()
        self._due = count
        self._epochs: tuple[int, float] | None = None
        """That a trial has at most, and on average."""

    def arrange(self, queue: deque[Trial], workers: int) -> deque[Trial]:
        """The trials that wait, in the order in which that many workers should begin them; looked at now and then.

        Args:
            queue: in the order so far.
            workers: at work on them.
        """
        if len(queue) > self._due or len(queue) < 2:
            return queue
        self._due = int(SHRUNK * len(queue))
        if self._epochs is None:
            epochs = [max(trial.epochs, 1) for trial in queue]
            self._epochs = max(epochs), sum(epochs) / len(epochs)
        if len(queue) * self.lengths.mean_of_longest(*self._epochs) > AHEAD * workers:
            return queue
        return in_order(sorted(queue, key=lambda trial: -self.lengths(trial)))
