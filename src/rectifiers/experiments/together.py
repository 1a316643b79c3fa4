"""Trials that several processes carry out together, started by `torchrun`: all of them run the same trials in turn.

The first process holds the leases, writes results, and tells the user; an error in one process ends all of them.
"""

from __future__ import annotations

import math
import signal
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import torch

from ..core.errors import ConfigError
from ..training.group import Group, together
from .backlog import Backlog
from .experiment import Cell
from .leases import Leases
from .order import in_order
from .pulse import Pulse, StoppedError, watched
from .run_trial import run_trial
from .runner import TICK, OnEvent, Progress, TimeUpError
from .runner import StoppedError as RunStoppedError
from .store import Store
from .trial import Trial

END, WAIT = -1, -2
"""In place of a trial's number: there is none left, or other runners are at all that are."""


def run_together(
    cells: Sequence[Cell],
    store: Store,
    *,
    data_dir: Path | None = None,
    on_progress: Callable[[Progress], None] = lambda progress: None,
    on_event: OnEvent = lambda text, urgent: None,
    patient: bool = True,
    time_limit: float = math.inf,
) -> Progress:
    """Run what is not in the store yet, each trial by all processes that `torchrun` started.

    Args:
        cells: the trials; their field `parallel` says how a training is divided.
        store: where results go; every process has to see it.
        data_dir: where data sets lie, for every process.
        on_progress: called by the first process at the start and after each trial.
        on_event: called by it with a line for each thing that happens.
        patient: wait for trials that other runners are at, should one of these die.
        time_limit: seconds after which the training is stopped at its next step, with a checkpoint.

    Returns:
        What was done.

    Raises:
        ConfigError: a trial does not say how it is divided, or the processes do not meet.
        RectifiersError: a trial cannot run.
        KeyboardInterrupt: a signal or the time limit stopped the trainings, at a step that has a checkpoint.
    """
    trials = list(dict.fromkeys(cell.trial for cell in cells))
    check_parallel(trials)
    with together(trials[0].device if trials else "cpu") as group, ExitStack() as stack:
        leases = stack.enter_context(Leases(store.folder)) if group.is_first else None
        pulse = _SharedPulse(group, on_event, time.monotonic() + time_limit)
        stack.enter_context(_stopping(pulse))
        needed = {*(trials if store.keep_weights else ()), *(one for trial in trials for one in trial.ancestors)}
        queue = in_order(store.missing(trials)) if group.is_first else deque(trials)
        progress = Progress(total=len(trials), kept=len(trials) - len(queue))
        on_progress(progress)

        def note_finished() -> None:
            progress.kept += 1
            on_progress(progress)

        backlog = None if leases is None else Backlog(queue, store, leases, note_finished)
        try:
            while (number := group.take_first(_next(trials, backlog, patient))) != END:
                if number == WAIT:
                    pulse.check()
                    time.sleep(TICK)
                    continue
                trial = pulse.trial = trials[number]
                on_event(f"{trial.id} begins in {group.size} processes: {trial}", False)
                with watched(pulse):
                    result = run_trial(trial, data_dir, store.weights, keep=trial in needed)
                if backlog is not None:
                    store.write(result)
                    backlog.release(trial)
                progress.done += 1
                progress.diverged += result.status == "diverged"
                on_event(f"{trial.id} ended: {result.status}", False)
                on_progress(progress)
        except StoppedError:
            raise TimeUpError if pulse.is_over else RunStoppedError(pulse.signal) from None
    return progress


def check_parallel(trials: Sequence[Trial]) -> None:
    """Make sure that trials say how several processes divide them.

    Raises:
        ConfigError: one does not.
    """
    for trial in trials:
        if any(one.parallel == "none" for one in (trial, *trial.lineage)):
            raise ConfigError(
                "torchrun started several processes, but the runs do not say how to divide a training among them; "
                "set parallel to ddp or fsdp (--set parallel=ddp), or start one process"
            )


def _next(trials: Sequence[Trial], backlog: Backlog | None, patient: bool) -> int:
    """The number of the next trial that nobody has finished or holds, as the first process finds it."""
    trial = None if backlog is None else backlog.take()
    if trial is not None:
        return trials.index(trial)
    return WAIT if backlog is not None and backlog.waits(patient) else END


class _SharedPulse(Pulse):
    """The pulse of a training in one of several processes: when one is asked to stop, all do, at the same step.

    Args:
        group: the processes.
        on_event: told of epochs.
        deadline: when they stop by themselves, in seconds of `time.monotonic`.

    Attributes:
        trial: what is trained.
        signal: by which it was asked to stop, in this process or, as far as this one knows, in another.
        is_over: whether time is up in one of them.
    """

    def __init__(self, group: Group, on_event: OnEvent, deadline: float) -> None:
        super().__init__(self._tell)
        self.group, self.on_event, self.deadline = group, on_event, deadline
        self.trial: Trial | None = None
        self.signal: int = signal.SIGTERM
        self.is_over = False

    def on_step(self, step: int) -> None:
        """Note that a step was done, and stop with the others."""
        self.check()
        super().on_step(step)

    def check(self) -> None:
        """Learn whether one of the processes has to stop.

        Raises:
            StoppedError: one has.
        """
        over = time.monotonic() > self.deadline
        asked, late = self.group.sum(torch.tensor([float(self.stopping), float(over)])).tolist()
        self.stopping, self.is_over = asked + late > 0, late > 0
        if self.stopping:
            raise StoppedError

    def _tell(self, word: str, value: Any) -> None:
        if word == "epoch" and self.trial is not None:
            epoch, score, _ = value
            self.on_event(f"{self.trial.id} epoch {epoch} of {self.trial.epochs}, {score:.2f} on test data", False)


@contextmanager
def _stopping(pulse: _SharedPulse) -> Iterator[None]:
    """Let signals stop the training at its next step."""

    def stop(number: int, frame: Any) -> None:
        pulse.stopping, pulse.signal = True, number

    names = [name for name in ("SIGTERM", "SIGHUP", "SIGUSR1", "SIGINT") if hasattr(signal, name)]
    before = {name: signal.signal(getattr(signal, name), stop) for name in names}
    try:
        yield
    finally:
        for name, handler in before.items():
            signal.signal(getattr(signal, name), handler)
