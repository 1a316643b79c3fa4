"""How many workers get most done on this machine, found while they work."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from ..core.memory import free, peak
from .crew import LocalCrew
from .trial import Trial
from .worker import Job, Worker

SETTLE = 10.0
"""Seconds for which each number of workers is measured at least."""
TRUST = 60.0
"""Seconds after which nothing more is waited for to compare with; more workers are then taken to be faster."""
STRETCH = 3.0
"""Seconds of steps that say how fast a trial is."""
GAIN = 1.05
"""How much more has to be done in all for more workers to be kept."""


@dataclass
class _Work:
    """What a worker is at, and how far it was when its number of workers was first complete."""

    kind: Trial
    began: float
    whole: bool
    since: tuple[float, int] | None = None
    now: tuple[float, int] | None = None


class Rates:
    """Tries 1, 2, 4, … workers, as long as more of them get more done, and stays with the number that got most.

    What one trial does in a second is compared with what others of its kind did, which differ in their seeds alone,
    when there were fewer workers: the steps of those that last, and short ones as a whole. With n workers in place of
    m, n/m times the mean of these ratios is done in all.

    Args:
        limit: workers at most.
        fits: whether there is memory for that many more workers.
        on_choice: told of each number that is tried or kept, and why.
        clock: seconds that never jump.

    Attributes:
        count: how many workers there are to be now.
    """

    def __init__(
        self,
        limit: int,
        fits: Callable[[int], bool] = lambda more: True,
        on_choice: Callable[[int, str], None] = lambda count, why: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.limit, self.fits, self.on_choice, self.clock = limit, fits, on_choice, clock
        self.count, self._before = 1, 0
        self._settled = limit == 1
        self._work: dict[Hashable, _Work] = {}
        self._warm: set[Hashable] = set()
        self._since = clock()
        self._found: dict[tuple[Trial, bool], list[float]] = {}
        self._speeds: dict[tuple[Trial, bool], float] = {}

    def begin(self, worker: Hashable, trial: Trial) -> None:
        """Note what a worker begins with; its first trial is not timed as a whole, for its process has to start."""
        self._work[worker] = _Work(trial.with_seed(0), self.clock(), worker in self._warm)

    def hear(self, worker: Hashable, word: str, value: Any) -> None:
        """Note a word of a worker, as `Worker.read` gives it."""
        if self._settled or worker not in self._work:
            return
        work, now = self._work[worker], self.clock()
        if len(self._warm) < self.count <= len(self._warm | {worker}):
            self._since = now  # all are at work from here on
        self._warm.add(worker)
        if word == "beat":
            if work.now is None or value[0] < work.now[1]:  # another training, such as that of what it starts from
                work.since = (now, value[0])
            work.now = (now, value[0])
        elif word == "ended":
            self._keep(work)
            if isinstance(value, str) and work.whole and work.began >= self._since:
                self._found.setdefault((work.kind, True), []).append(1 / max(now - work.began, 1e-9))
            del self._work[worker]
        if len(self._warm) >= self.count and now - self._since >= SETTLE:
            self._decide(now)

    def lose(self, worker: Hashable) -> None:
        """Forget a worker that is gone."""
        self._work.pop(worker, None)
        self._warm.discard(worker)

    def _keep(self, work: _Work) -> None:
        """Keep how fast the steps of a trial were, if they tell."""
        if work.since is not None and work.now is not None and work.now[0] - work.since[0] >= STRETCH:
            speed = (work.now[1] - work.since[1]) / (work.now[0] - work.since[0])
            self._found.setdefault((work.kind, False), []).append(speed)
        work.since = work.now = None

    def _decide(self, now: float) -> None:
        """Go on to more workers, back to fewer, or stay."""
        for work in self._work.values():
            if work.since is not None and now - work.since[0] >= STRETCH:
                self._keep(work)
        speeds = {key: fmean(values) for key, values in self._found.items()}
        ratios = [speed / self._speeds[key] for key, speed in speeds.items() if self._speeds.get(key)]
        late = now - self._since >= TRUST
        if not late and not (ratios if self._before else speeds):
            return
        if self._before:
            gain = self.count / self._before * (fmean(ratios) if ratios else 1.0)
            if gain < GAIN:
                self._choose(self._before, f"{self.count} workers get {gain:.2f} times as much done as {self._before}")
                self._settled = True
                return
        more = min(2 * self.count, self.limit)
        while more > self.count and not self.fits(more - self.count):
            more -= 1
        if more == self.count:
            why = "the processors allow" if self.count == self.limit else "there is memory for"
            self._choose(self.count, f"it is as many as {why}")
            self._settled = True
            return
        self._speeds |= speeds
        self._found = {}
        self._before = self.count
        self._choose(more, "their speed is measured")
        self._since = now
        for work in self._work.values():
            work.since = work.now = None

    def _choose(self, count: int, why: str) -> None:
        self.count = count
        self.on_choice(count, why)


class MeasuredCrew(LocalCrew):
    """Worker processes of this machine, as many as get most done.

    Args:
        job: what they work on.
        limit: how many at most.
        gpus: that they are spread over.
        on_choice: as for `Rates`.
    """

    def __init__(
        self, job: Job, limit: int, gpus: Sequence[str] = (), on_choice: Callable[[int, str], None] = lambda *_: None
    ) -> None:
        super().__init__(job, limit, gpus)
        self.rates = Rates(limit, self._fits, on_choice)

    def room(self) -> int:
        """As many as are tried now, or were found best."""
        return self.rates.count

    def make(self, gpu: str | None) -> Worker:
        """A process whose words are heard."""
        return HeardWorker(self.job, gpu, self.rates)

    def _fits(self, more: int) -> bool:
        """Whether there is memory for that many more, each as large as the largest so far."""
        left = free()
        largest = max((peak(one.process.pid or 0) or 0 for one in self.workers), default=0)
        return left is None or more * largest <= left


class HeardWorker(Worker):
    """A worker whose progress is measured.

    Args:
        job: what it works on.
        gpu: the only one that it sees.
        rates: what measures it.
    """

    def __init__(self, job: Job, gpu: str | None, rates: Rates) -> None:
        super().__init__(job, gpu)
        self.rates = rates

    def give(self, trial: Trial, patience: float, mates: Sequence[Trial] = ()) -> None:
        """Hand it a trial."""
        self.rates.begin(id(self), trial)
        super().give(trial, patience, mates)

    def read(self) -> tuple[str, Any]:
        """Read a word of it."""
        word, value = super().read()
        self.rates.hear(id(self), word, value)
        return word, value

    def kill(self) -> None:
        """End it now."""
        self.rates.lose(id(self))
        super().kill()
