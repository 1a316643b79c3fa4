"""The local runner: worker processes, one trial each at a time, results written by the worker as they come.

The file tree says what is done, so running the same command again goes on where the last one stopped, and a later one
with more seeds runs only the new ones. Any number of runners may work on one folder: leases divide the trials among
them, and each runner ends when all are done.
"""

from __future__ import annotations

import math
import signal
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from ..core.errors import ConfigError, DataError, RectifiersError
from ..core.wording import duration, plural
from . import own, pulse, worker
from .backlog import Backlog
from .crew import Crew, Hand, LocalCrew
from .experiment import Cell
from .failure import Failure, from_silence
from .gpus import spare_gpus
from .leases import Leases
from .machine import AUTO, Workers, count_fitting
from .measured import MeasuredCrew
from .order import in_order, seed_by_seed
from .store import Store
from .trial import Trial
from .worker import STOPPED, Job, Outcome, carry_out, main_to_import

TRIES = 2
"""How often a trial is tried whose failure may pass."""
LOSSES = 10
"""How often one is tried whose machine is lost, which is no fault of its own."""
BUDGET = 10
"""Failures in a row that may pass, after which no further trial is begun: something is wrong with the machine."""
PAUSES = (0.0, 0.0, 5.0, 15.0, 60.0)
"""Seconds of rest after so many such failures in a row; the last for all further ones."""
GRACE = 10.0
"""Seconds that workers have to end at their next step when a run is stopped."""
TICK = 0.5
"""Seconds between two looks at what sends no message."""


OnEvent = Callable[[str, bool], None]
"""What is told of each thing that happens: a line, and whether the user has to know at once."""


class Place(Protocol):
    """Where trials run that do not run on this machine."""

    def gather(self, job: Job, leases: Leases, most: int | None, say: Callable[[str], None]) -> Crew:
        """The crew there.

        Args:
            job: what it works on.
            leases: of the runner.
            most: trials at a time at most; None for as many as there is room for.
            say: told what the user has to know.

        Raises:
            ConfigError: it cannot be reached, or cannot carry out the trials.
        """


class StoppedError(KeyboardInterrupt):
    """The run was asked to stop, by a signal that is not Ctrl-C.

    Args:
        number: of the signal.
    """

    def __init__(self, number: int) -> None:
        super().__init__()
        self.signal = signal.Signals(number)
        self.code = 128 + number


class TimeUpError(KeyboardInterrupt):
    """The run has lasted as long as it may."""

    code = 124


@dataclass
class Progress:
    """How far the runs are; handed to the callback after every trial.

    Args:
        total: trials the experiment has, each counted once.
        kept: trials that had finished before, or that another runner finished meanwhile.
        done: trials finished now.
        diverged: how many of those diverged.
        failed: trials that ended in an error, with its description; they are tried again the next time.
        workers: how many are tried, or were found best, where that is measured; None where their number is given.
    """

    total: int
    kept: int
    done: int = 0
    diverged: int = 0
    failed: dict[Trial, str] = field(default_factory=dict)
    workers: int | None = None

    @property
    def remaining(self) -> int:
        """Trials still to do."""
        return self.total - self.kept - self.done - len(self.failed)


def run(
    cells: Sequence[Cell],
    store: Store,
    *,
    workers: Workers = None,
    data_dir: Path | None = None,
    on_progress: Callable[[Progress], None] = lambda progress: None,
    on_event: OnEvent = lambda text, urgent: None,
    here: bool = False,
    place: Place | None = None,
    patient: bool = True,
    time_limit: float = math.inf,
    may_begin: Callable[[], bool] = lambda: True,
) -> Progress:
    """Run what is not in the store yet.

    A trial whose process dies, hangs or lacks memory is tried once more, and the others go on. Where other runners
    work on the same folder, each trial is run by one of them.

    Args:
        cells: the trials; a trial that stands in several cells runs once.
        store: where results go, and weights if it keeps them.
        workers: processes; None takes as many as have cores for the threads that each trial names, one by default;
            `auto` as many of these as get most done.
        data_dir: where data sets lie.
        on_progress: called at the start and after each trial.
        on_event: called with a line for each thing that happens: a trial begins, an epoch ends, something is wrong; and
            with whether the user has to know at once.
        here: run in this process, one after the other.
        place: where to run instead of this machine.
        patient: wait for trials that other runners are at, should one of these die; else end when no trial is free, and
            those are known to live that hold the others.
        time_limit: seconds after which trainings are stopped at their next step, with a checkpoint.
        may_begin: asked before each trial; once it says no, none is begun any more.

    Returns:
        What was done. Trials that ended in an error or whose process died twice are in `failed`; those that were not
        begun because too much failed, because others are at them, or because they may not, are missing; the others are
        in the store.

    Raises:
        ConfigError: `workers` is not positive.
        StoreError: the folder cannot be written.
        RectifiersError: a trial cannot run because of a name or a setting; no later one was started, and those that
            were running have ended.
        KeyboardInterrupt: the user stopped it, a signal (`StoppedError`) or the time limit (`TimeUpError`); what had
            finished is kept.
    """
    if workers == AUTO and place is not None:
        raise ConfigError("workers='auto' (--workers auto) measures this machine; give a number of workers elsewhere")
    number = workers if isinstance(workers, int) else None
    if number is not None and number < 1:
        raise ConfigError(f"workers must be at least 1, got {number}")
    if worker.importing_main:
        raise ConfigError(
            "your script runs experiments when it is imported, and the processes that run them have to import it "
            "because it defines what they need; put the code that runs them under `if __name__ == '__main__':`"
        )
    trials = list(dict.fromkeys(cell.trial for cell in cells))
    todo = store.missing(trials)
    count = count_fitting(todo) if number is None else number
    queue = in_order(seed_by_seed(todo) if count > 1 or place is not None else todo)
    progress = Progress(total=len(trials), kept=len(trials) - len(queue))
    on_progress(progress)
    if not queue:
        return progress
    needed = frozenset(trials if store.keep_weights else (one for trial in trials for one in trial.ancestors))
    main = main_to_import(trials)
    with Leases(store.folder) as leases:
        job = Job(store, data_dir, needed, main, own.loaded())
        running = Running(job, queue, leases, progress, on_progress, on_event, patient, time_limit, may_begin)
        if place is not None:
            running.run(place.gather(job, leases, number, lambda text: on_event(text, True)))
        elif here or (main is not None and not main):
            running.run_here()
        elif workers == AUTO:
            running.run(MeasuredCrew(job, count, spare_gpus(queue), running.note_workers))
        else:
            running.run(LocalCrew(job, count, spare_gpus(queue)))
    return progress


class Running:
    """A run while it runs: its workers, what is left to do, and what went wrong.

    Args:
        job: what the workers work on.
        queue: trials to do, in order.
        leases: of this runner.
        progress: counted up.
        on_progress: called after each trial.
        on_event: called with a line for each thing that happens.
        patient: whether it waits for what others are at.
        time_limit: seconds that it may last.
        may_begin: asked before each trial.
        clock: seconds that never jump.
    """

    def __init__(
        self,
        job: Job,
        queue: deque[Trial],
        leases: Leases,
        progress: Progress,
        on_progress: Callable[[Progress], None],
        on_event: OnEvent,
        patient: bool,
        time_limit: float,
        may_begin: Callable[[], bool],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.may_begin, self.clock = may_begin, clock
        self.job, self.leases, self.progress = job, leases, progress
        self.on_progress, self.on_event, self.patient = on_progress, on_event, patient
        self.deadline = clock() + time_limit
        self.backlog = Backlog(queue, job.store, leases, self._note_finished, clock)
        self.pool: list[Hand] = []
        self.tries: Counter[Trial] = Counter()
        self.in_a_row = 0
        self.paused_until = 0.0
        self.tended = -math.inf
        self.obstacle: RectifiersError | None = None
        self.given_up = False
        self.alone = False
        """Whether memory ran out, so that trials run one at a time."""

    def say(self, text: str, *, urgent: bool = False) -> None:
        """Tell what happens."""
        self.on_event(text, urgent)

    def note_workers(self, count: int, why: str) -> None:
        """Tell how many workers there are to be from now on."""
        self.progress.workers = count
        self.say(f"{plural(count, 'worker')}: {why}")
        self.on_progress(self.progress)

    def run_here(self) -> None:
        """Run all trials in this process, one after the other."""
        while (trial := self._next()) is not None or self._has_more():
            if trial is None:
                time.sleep(TICK)
            else:
                mates = self._take_mates(trial)
                self._note_all(trial, mates, carry_out(trial, self.job, None, mates))
                if self.obstacle is not None:
                    raise self.obstacle
            self._check_time()

    def _check_time(self) -> None:
        if self.clock() > self.deadline:
            raise TimeUpError

    def run(self, crew: Crew) -> None:
        """Let a crew run all trials."""
        with _stopping_on_signals(), closing(crew):
            try:
                while self.step(crew):
                    pass
                if self.obstacle is not None:
                    raise self.obstacle
            except KeyboardInterrupt as error:
                reason = "stopping: " if not isinstance(error, TimeUpError) else "the time limit is reached: "
                self.say(f"{reason}workers end at their next step; Ctrl-C once more ends them at once", urgent=True)
                raise
            finally:
                self._end_pool()

    def step(self, crew: Crew) -> bool:
        """Give out trials, and hear what a crew has to say, for a moment; False when all is done."""
        self._fill(crew)
        busy = [one for one in self.pool if one.trial is not None]
        if not busy and not self._has_more():
            return False
        self._check_time()
        for ready in crew.ready(busy, TICK):
            self._listen(ready, crew)
        if self.clock() - self.tended >= TICK:
            self.tended = self.clock()
            self._end_silent(crew)
            self.leases.running = {one.trial.id: one.doing for one in self.pool if one.trial is not None}
        return True

    def _has_more(self) -> bool:
        """Whether another trial is to be begun, here or by another runner."""
        left = len(self.backlog) > 0 or self.backlog.waits(self.patient)
        return self.obstacle is None and not self.given_up and left

    def _fill(self, crew: Crew) -> None:
        """Give trials to idle workers, and start workers while the crew has room."""
        if self.obstacle is not None or self.given_up or self.clock() < self.paused_until:
            return
        idle = []
        for one in [one for one in self.pool if one.trial is None]:
            if one.is_alive():
                idle.append(one)
            else:
                self._drop(one)
        room = crew.room()
        while idle and len(self.pool) > room:  # there were to be more of them before
            self._drop(idle.pop())
        while idle or len(self.pool) < room:
            if self.alone and any(one.trial is not None for one in self.pool):
                return
            trial = self._next(room)
            if trial is None:
                return
            try:
                one = idle.pop() if idle else self._start(crew)
            except OSError as error:
                self.backlog.put_back(trial, first=True)
                self._rest(f"cannot start a process: {error.strerror or error}")
                return
            one.give(trial, _patience_at_first(trial), self._take_mates(trial) if crew.takes_mates else ())
            self.say(f"{trial.id} begins: {trial}")

    def _start(self, crew: Crew) -> Hand:
        self.pool.append(crew.start())
        return self.pool[-1]

    def _next(self, workers: int = 1) -> Trial | None:
        """Take the next trial that nobody has finished or holds; None if there is none now.

        Args:
            workers: of this runner.
        """
        if not self.may_begin():
            self.backlog.clear()
        return self.backlog.take(workers)

    def _take_mates(self, trial: Trial) -> list[Trial]:
        """Take the trials that are one computation with one that was taken; none if weights are to be kept."""
        if trial.company is None or trial in self.job.needed:
            return []
        return self.backlog.take_company(trial, lambda one: one not in self.job.needed)

    def _note_all(self, trial: Trial, mates: Sequence[Trial], outcome: Outcome) -> None:
        """Count how a trial ended, and those that were one computation with it; these wait for the next try."""
        for mate in mates:
            if isinstance(outcome, Failure) and outcome.passing:
                self.backlog.put_back(mate)
            else:
                # Which of them diverged, their results tell.
                self._note(mate, "done" if isinstance(outcome, str) else outcome)
        self._note(trial, outcome)

    def _note_finished(self) -> None:
        """Count a trial that another runner finished."""
        self.progress.kept += 1
        self.on_progress(self.progress)

    def _listen(self, one: Hand, crew: Crew) -> None:
        """Hear what a worker says."""
        assert one.trial is not None
        word, value = one.read()
        if word == "ended":
            self._end(one, value, crew)
        elif word == "waiting":
            if one.doing != value:
                self.say(f"{one.trial.id} waits: {value}", urgent=True)
            one.doing, one.patience = value, _patience_at_first(one.trial)
        elif word == "beat":
            step, one.patience = value
            one.doing = f"step {step:,}"
        else:
            epoch, score, one.patience = value
            tested = "" if math.isnan(score) else f", {score:.2f} on test data"
            one.doing = f"epoch {epoch} of {one.trial.epochs}{tested}"
            self.say(f"{one.trial.id} {one.doing}")

    def _end(self, one: Hand, outcome: Outcome, crew: Crew) -> None:
        """Note how a worker's trial ended; a worker that failed is replaced."""
        trial, one.trial = one.trial, None
        mates, one.mates = one.mates, ()
        assert trial is not None
        if words := one.last_words().strip():
            self.say(f"{trial.id} wrote: {words}")
        if isinstance(outcome, str) and outcome == STOPPED:  # nobody asked it here
            outcome = Failure("the process was told to end by a signal", passing=True)
        if isinstance(outcome, Failure):
            self._drop(one)
            self.alone = self.alone or (outcome.memory and crew.shares_memory)
        seconds = self.clock() - one.began
        if isinstance(outcome, str):
            self.backlog.tail.lengths.learn(trial, seconds)
        self.say(f"{trial.id} ended after {duration(seconds)}: {_in_short(outcome)}")
        self._note_all(trial, mates, outcome)

    def _end_silent(self, crew: Crew) -> None:
        """End workers that have not said a word for longer than they may."""
        for one in [one for one in self.pool if one.trial is not None]:
            silent = self.clock() - one.heard
            if silent > one.patience:
                self._end(one, from_silence(silent), crew)

    def _note(self, trial: Trial, outcome: Outcome) -> None:
        """Count how a trial ended, and decide whether it is tried again."""
        self.tries[trial] += 1
        tries = LOSSES if isinstance(outcome, Failure) and outcome.lost else TRIES
        again = isinstance(outcome, Failure) and outcome.passing and self.tries[trial] < tries
        if again:
            self.backlog.put_back(trial)
        else:
            self.backlog.release(trial)
        if isinstance(outcome, str):
            self.progress.done += 1
            self.progress.diverged += outcome == "diverged"
            self.in_a_row = 0
        elif isinstance(outcome, Failure):
            if not again:
                self.progress.failed[trial] = outcome.story
            if outcome.passing and not outcome.lost:
                self._rest(_in_short(outcome))
        elif isinstance(outcome, DataError):
            self.progress.failed[trial] = str(outcome)
        else:
            self.obstacle = self.obstacle or outcome
        self.on_progress(self.progress)

    def _rest(self, reason: str) -> None:
        """After failures that may pass, wait a little; after too many, begin nothing more."""
        self.in_a_row += 1
        pause = PAUSES[min(self.in_a_row, len(PAUSES)) - 1]
        if self.in_a_row >= BUDGET:
            self.given_up = True
            self.say(
                f"nothing more is begun, for {plural(self.in_a_row, 'try', 'tries')} in a row failed: {reason}",
                urgent=True,
            )
        elif pause:
            self.paused_until = self.clock() + pause
            self.say(f"rests for {duration(pause)}: {reason}", urgent=True)

    def _drop(self, one: Hand) -> None:
        self.pool.remove(one)
        one.kill()

    def _end_pool(self) -> None:
        """End all workers: at their next step, or when `GRACE` is over, or at once at a second Ctrl-C."""
        try:
            for one in self.pool:
                one.ask_to_stop()
            deadline = time.monotonic() + GRACE
            for one in self.pool:
                one.join(max(0.0, deadline - time.monotonic()))
        finally:
            for one in self.pool:
                one.kill()


def _patience_at_first(trial: Trial) -> float:
    """Seconds of silence after which a trial hangs of which nothing was measured yet."""
    return pulse.UNKNOWN if trial.tells else math.inf


def _in_short(outcome: Outcome) -> str:
    """How a trial ended, in one line."""
    text = outcome.story if isinstance(outcome, Failure) else str(outcome)
    return text.rstrip().rpartition("\n")[2]


@contextmanager
def _stopping_on_signals() -> Iterator[None]:
    """Let signals that ask a process to end stop the run as Ctrl-C does."""
    if threading.current_thread() is not threading.main_thread():  # which alone hears of signals
        yield
        return

    def stop(number: int, frame: Any) -> None:
        raise StoppedError(number)

    names = [name for name in ("SIGTERM", "SIGHUP", "SIGUSR1") if hasattr(signal, name)]
    before = {name: signal.signal(getattr(signal, name), stop) for name in names}
    try:
        yield
    finally:
        for name, handler in before.items():
            signal.signal(getattr(signal, name), handler)
