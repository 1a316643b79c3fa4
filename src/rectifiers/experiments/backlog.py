"""What is left to do: trials in their order, which the runners that share a folder take from as they come.

Each runner has all of them in its own backlog, and takes a lease on one before it begins it. What another one holds is
put aside, until a look at the folder shows that it has finished, was given back, or is free because its runner died.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

from .leases import Leases
from .order import Tail
from .store import Store
from .trial import Trial

LOOK = 2.0
"""Seconds between two looks at what other runners do, while nothing else is to be begun."""
PATROL = 30.0
"""Seconds at least between two while there is, for what runners held that died; each is made to begin a trial."""
PAID_BY_ONE = 20
"""How many trials that others hold such a look may go through for each trial that was begun since the last one."""
RARELY = 20
"""How many times as long as a look takes the time to the next one is at least."""
SHARE = 0.1
"""Of the time since a trial was begun last, that it may take until one is noticed that has become free."""


class Backlog:
    """The trials that a runner has not begun.

    Args:
        queue: in their order.
        store: that has what is finished.
        leases: of the runner.
        on_finished: called for each trial that another runner finished.
        clock: seconds that never jump.

    Attributes:
        tail: brings the longest trials forward; it is told how long trials took.
    """

    def __init__(
        self,
        queue: deque[Trial],
        store: Store,
        leases: Leases,
        on_finished: Callable[[], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.store, self.leases, self.on_finished, self.clock = store, leases, on_finished, clock
        self.tail = Tail(len(queue))
        self._queue = queue
        self._elsewhere: deque[Trial] = deque()
        """Trials that other runners held at the last look, or when they were to be begun."""
        self._looked = self._took = clock()
        self._rest = LOOK
        """Seconds after a look in which there is no other one."""
        self._to_begin = 0.0
        """Trials to begin before there is another one, while there are any."""

    def __len__(self) -> int:
        """How many wait that may be free, as far as is known."""
        return len(self._queue)

    @property
    def elsewhere(self) -> int:
        """How many other runners hold, as far as is known."""
        return len(self._elsewhere)

    def waits(self, patient: bool) -> bool:
        """Whether to wait for what other runners hold.

        Args:
            patient: wait as long as they live, should one of them die; else only until all are known to live.
        """
        return bool(self._elsewhere) and (patient or not self.leases.certain)

    def clear(self) -> None:
        """Forget all of them: nothing more is begun."""
        self._queue.clear()
        self._elsewhere.clear()

    def release(self, trial: Trial) -> None:
        """Give up the lease on a trial that was taken: it has ended."""
        self.leases.release(trial)

    def put_back(self, trial: Trial, *, first: bool = False) -> None:
        """Give a trial back, to be taken once more.

        Args:
            trial: that was taken.
            first: before all others, and not after them.
        """
        self.leases.release(trial)
        if first:
            self._queue.appendleft(trial)
        else:
            self._queue.append(trial)

    def take(self, workers: int = 1) -> Trial | None:
        """Take the next trial that nobody has finished or holds; None if there is none now.

        Args:
            workers: of this runner.
        """
        if self._to_begin <= 0 and self.clock() >= self._looked + max(PATROL, self._rest):
            self._look()
        self._queue = self.tail.arrange(self._queue, workers * self.leases.runners)
        trial = self._take_first()
        if trial is None and self._elsewhere and self.clock() >= self._looked + self._rest:
            self._look()
            trial = self._take_first()
        return trial

    def take_company(self, trial: Trial, fits: Callable[[Trial], bool]) -> list[Trial]:
        """Take those that wait of the company of a trial that was taken.

        Args:
            trial: the one that was taken.
            fits: whether one can be trained with it.
        """
        company, group = trial.company, trial.seed // trial.together
        # Of many thousand trials few are near in their seeds, and to compare all of each takes long.
        near = (one for one in self._queue if one.together and one.seed // one.together == group)
        alike = [one for one in near if one.company == company and fits(one)]
        mates = [one for one in alike if not self.store.has(one) and self.leases.take(one)]
        taken = {one.id for one in mates}
        self._queue = deque(one for one in self._queue if one.id not in taken)
        return mates

    def _take_first(self) -> Trial | None:
        """Take the first trial of the queue that was free at the last look, and still is.

        All runners take from the same end. Where another one was faster, it has begun what stands next as well, most
        likely: this one goes ahead in steps that double, and a look shows what was free on the way.
        """
        ahead = 0
        while self._queue:
            place = min(ahead, len(self._queue) - 1)
            trial = self._queue[place]
            del self._queue[place]
            if self.leases.is_held(trial):
                self._elsewhere.append(trial)
            elif not self._is_finished(trial):
                if not self.leases.take(trial):
                    self._elsewhere.extend(self._queue.popleft() for _ in range(place))
                    self._elsewhere.append(trial)
                    if place:
                        self._rest = 0.0  # it is to be seen soon what was free on the way
                    ahead = 2 * ahead + 1
                elif self._is_finished(trial):  # it ended while it was taken
                    self.leases.release(trial)
                else:
                    self._took = self.clock()
                    self._to_begin -= 1
                    return trial
        return None

    def _look(self) -> None:
        """See what other runners hold, and put first what they gave back, or held when they died."""
        began = time.monotonic()
        self.leases.look()
        held: deque[Trial] = deque()
        free: deque[Trial] = deque()
        for trial in self._elsewhere:
            if self.leases.is_held(trial):
                held.append(trial)
            elif not self._is_finished(trial):
                free.append(trial)
        self._elsewhere = held
        self._queue.extendleft(reversed(free))
        self._looked = self.clock()
        self._rest = max(LOOK, RARELY * (time.monotonic() - began), min(PATROL, SHARE * (self._looked - self._took)))
        self._to_begin = len(held) / PAID_BY_ONE

    def _is_finished(self, trial: Trial) -> bool:
        """Whether another runner was faster, which is told."""
        if not self.store.has(trial):
            return False
        self.on_finished()
        return True
