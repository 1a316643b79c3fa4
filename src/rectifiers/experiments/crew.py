"""Who carries out the trials of a runner: processes of this machine, or tasks of a cluster."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from multiprocessing.connection import wait
from typing import Any, Protocol

from .trial import Trial
from .worker import Job, Worker


class Hand(Protocol):
    """The runner's end of what carries out one trial at a time.

    Attributes:
        trial: what it carries out; None if it is idle.
        mates: trials that it carries out in the same computation.
        began: when it got the trial, in seconds of `time.monotonic`.
        heard: when it was heard of last.
        patience: seconds of silence after which it hangs.
        doing: what it does, in words.
    """

    trial: Trial | None
    mates: tuple[Trial, ...]
    began: float
    heard: float
    patience: float
    doing: str

    def give(self, trial: Trial, patience: float, mates: Sequence[Trial] = ()) -> None:
        """Hand it a trial, with those that are one computation with it."""

    def read(self) -> tuple[str, Any]:
        """Read a word of it and its value; the end of a trial is the word `ended`, with its outcome."""

    def last_words(self) -> str:
        """What it wrote on stderr, as far as that is kept."""

    def is_alive(self) -> bool:
        """Whether it can take another trial."""

    def ask_to_stop(self) -> None:
        """Ask it to end: at once if it is idle, else at its next step."""

    def join(self, seconds: float) -> None:
        """Wait until it has ended, for so long at most."""

    def kill(self) -> None:
        """End it now."""


class Crew(Protocol):
    """Hands of one kind.

    Attributes:
        shares_memory: whether one trial that takes too much memory takes it from the others.
        takes_mates: whether its hands carry out several trials in one computation.
    """

    shares_memory: bool
    takes_mates: bool

    def room(self) -> int:
        """How many trials it carries out at a time, now."""

    def start(self) -> Hand:
        """Another hand.

        Raises:
            OSError: there can be none now.
        """

    def ready(self, hands: Sequence[Hand], seconds: float) -> Sequence[Hand]:
        """Wait, for so long at most, until some have something to say; those that have."""

    def close(self) -> None:
        """Give back what it holds, when all hands have ended."""


class LocalCrew:
    """Worker processes of this machine.

    Args:
        job: what they work on.
        count: how many.
        gpus: that they are spread over.
    """

    shares_memory = takes_mates = True

    def __init__(self, job: Job, count: int, gpus: Sequence[str] = ()) -> None:
        self.job, self.count, self.gpus = job, count, gpus
        self.workers: list[Worker] = []

    def room(self) -> int:
        """As many as it was made for."""
        return self.count

    def start(self) -> Worker:
        """A process, on the GPU with the fewest."""
        self.workers = [one for one in self.workers if one.is_alive()]
        taken = Counter(one.gpu for one in self.workers)
        self.workers.append(self.make(min(self.gpus, key=lambda gpu: taken[gpu], default=None)))
        return self.workers[-1]

    def make(self, gpu: str | None) -> Worker:
        """A process that sees this GPU alone, or all if it is None."""
        return Worker(self.job, gpu)

    def ready(self, hands: Sequence[Hand], seconds: float) -> Sequence[Hand]:
        """Those whose pipe has something."""
        by_pipe: dict[Any, Hand] = {one.connection: one for one in hands if isinstance(one, Worker)}
        return [by_pipe[pipe] for pipe in wait(list(by_pipe), timeout=seconds)]

    def close(self) -> None:
        """Nothing is held."""
