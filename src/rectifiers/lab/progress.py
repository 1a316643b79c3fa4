"""How far a run is: a bar in a terminal, a plain line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn
from rich.text import Text

from ..experiments import runner
from .duration import duration

LINE_EVERY = 10.0
"""Seconds between plain lines."""

Report = Callable[[runner.Progress], None]


class Pace:
    """Rate and time left, from what finished since the start.

    Args:
        clock: seconds, for tests.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock, self.start, self.last = clock, clock(), clock()
        self.finished = self.remaining = 0

    def update(self, progress: runner.Progress) -> None:
        """Note how far the run is now."""
        self.finished, self.remaining = progress.done + len(progress.failed), progress.remaining
        self.last = self.clock()

    def __str__(self) -> str:
        elapsed = self.last - self.start
        if not self.finished or not elapsed:
            return ""
        rate = f"{60 * self.finished / elapsed:.3g} per minute"
        # Between two updates nothing finishes, but time goes by.
        left = self.remaining * elapsed / self.finished - (self.clock() - self.last)
        return f"{rate}, about {duration(max(1.0, left))} left" if self.remaining else rate


@contextmanager
def shown(total: int) -> Iterator[Report]:
    """Show progress on stderr, for the length of a `with`.

    Args:
        total: how many trainings there are.

    Yields:
        What the runner calls.
    """
    if not sys.stderr.isatty():
        yield _lines()
        return
    pace = Pace()
    console = Console(stderr=True)
    columns = (BarColumn(), TextColumn("{task.description}"), _PaceColumn(pace))
    with Progress(*columns, console=console, refresh_per_second=2, transient=True) as bar:
        task = bar.add_task("", total=total)

        def report(progress: runner.Progress) -> None:
            pace.update(progress)
            bar.update(task, completed=progress.total - progress.remaining, description=describe(progress))

        yield report


def describe(progress: runner.Progress) -> str:
    """The counts of a run in words."""
    parts = [f"{progress.kept + progress.done} of {progress.total} trainings"]
    parts += [f"{progress.diverged} diverged"] if progress.diverged else []
    parts += [f"{len(progress.failed)} failed"] if progress.failed else []
    return ", ".join(parts)


def _lines() -> Report:
    pace = Pace()
    due = pace.start

    def report(progress: runner.Progress) -> None:
        nonlocal due
        pace.update(progress)
        if pace.last >= due or not progress.remaining:
            due = pace.last + LINE_EVERY
            sys.stderr.write(", ".join(filter(None, [describe(progress), str(pace)])) + "\n")
            sys.stderr.flush()

    return report


class _PaceColumn(ProgressColumn):
    def __init__(self, pace: Pace) -> None:
        super().__init__()
        self.pace = pace

    def render(self, task: Task) -> Text:
        return Text(str(self.pace), style="dim")
