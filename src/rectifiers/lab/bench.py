"""Where the runs of a comparison are made, and read again."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from pathlib import Path

from ..core.errors import RectifiersError
from ..experiments import runner
from ..experiments.compare.budget import seconds_of
from ..experiments.compare.one_metric import OneMetric
from ..experiments.compare.trial import OwnTrial
from ..experiments.experiment import Cell
from ..experiments.result import Result
from ..experiments.store import Store
from .progress import show_progress


class Bench:
    """Runs the trials of a comparison, and reads their results again.

    Args:
        store: that keeps the results.
        workers: runs at a time.
        data_dir: folder with the files of named data sets.
        progress: whether to show how far it is.

    Attributes:
        note: what to say of how runs were made; empty where there is nothing to say.
    """

    def __init__(self, store: Store, workers: int, data_dir: Path, progress: bool) -> None:
        self.store, self.workers, self.data_dir, self.progress = store, workers, data_dir, progress
        self.note = ""
        self._started = time.monotonic()
        self._ran: set[str] = set()
        self._metric = OneMetric()

    def stay_here(self) -> None:
        """Make all runs in this process, because another one cannot import what they need."""
        if self.workers > 1:
            self.workers = 1
            self.note = (
                "runs were made in this process, one after the other, because another one cannot import all that "
                "they need; put it into a module"
            )

    def spent(self, results: Sequence[Result]) -> float:
        """Seconds of the clock: of this call, and of the runs that there were before it."""
        earlier = sum(seconds_of(result) for result in results if result.trial.id not in self._ran)
        return time.monotonic() - self._started + earlier / self.workers

    def execute(self, trials: Sequence[OwnTrial], seconds: float = math.inf, words: str = "") -> None:
        """Run what the store does not have, and begin nothing that would not end within that many seconds.

        Args:
            trials: what to run.
            seconds: of the clock.
            words: what they are for.

        Raises:
            ConfigError: a run has another metric than those before.
            RectifiersError: a trial cannot run, or its process ended in an error.
        """
        cells = [Cell(trial.id, "", trial) for trial in trials if not self.store.has(trial)]
        if not cells:
            return
        self._ran |= {cell.trial.id for cell in cells}
        begun, ended, unread = time.monotonic(), 0, [trial for trial in trials if trial.train]

        def may_begin() -> bool:
            taken = time.monotonic() - begun
            another = taken * self.workers / ended if ended else 0.0
            return taken + another <= seconds

        with show_progress(len(cells), hidden=not self.progress, what=words) as show:

            def on_progress(progress: runner.Progress) -> None:
                nonlocal ended, unread
                # Now and not at the end: what cannot be compared need not be run for hours.
                unread = [trial for trial in unread if self.read(trial) is None]
                ended = progress.done + len(progress.failed)
                show(progress)

            outcome = runner.run(
                cells,
                self.store,
                workers=self.workers,
                data_dir=self.data_dir,
                on_progress=on_progress,
                here=self.workers == 1,
                may_begin=may_begin,
            )
        for trial, trace in outcome.failed.items():
            raise RectifiersError(f"a run failed: {trace.rstrip().splitlines()[-1]} (seed {trial.seed})")

    def read(self, trial: OwnTrial) -> Result | None:
        """What the store has of a trial.

        Raises:
            ConfigError: it has another metric than the runs before.
        """
        result = self.store.read(trial)
        if result is not None:
            self._metric.check(result)
        return result
