"""How far the runs are: a bar in a terminal, a line that changes in a notebook, a plain line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn
from rich.text import Text

from ..core.wording import duration, plural

if TYPE_CHECKING:
    # It loads PyTorch, and many who say something do without.
    from ..experiments import runner

LINE_EVERY = 10.0
"""Seconds between plain lines."""

UPDATE_EVERY = 0.5
"""Seconds between changes of the line in a notebook."""

OnProgress = Callable[["runner.Progress"], None]


class Pace:
    """Rate and time left, from what finished since the start.

    Args:
        clock: seconds, for tests.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock, self.start, self.last = clock, clock(), clock()
        self.finished = self.remaining = 0

    def update(self, progress: runner.Progress) -> None:
        """Note how far the runs are now."""
        self.finished, self.remaining = progress.done + len(progress.failed), progress.remaining
        self.last = self.clock()

    def __str__(self) -> str:
        elapsed = self.last - self.start
        if not self.finished or not elapsed:
            return ""
        if self.finished == 1 and not self.remaining:
            return ""
        rate = f"{_round(60 * self.finished / elapsed)} per minute"
        # Between two updates nothing finishes, but time goes by.
        left = self.remaining * elapsed / self.finished - (self.clock() - self.last)
        return f"{rate}, about {duration(max(1.0, left))} left" if self.remaining else rate


def _round(number: float) -> str:
    """A number of three digits, and never with an exponent."""
    return f"{number:,.0f}" if number >= 100 else f"{number:.3g}"


@contextmanager
def show_progress(total: int, *, hidden: bool = False, what: str = "") -> Iterator[OnProgress]:
    """Show progress for the length of a `with`: in a notebook below the cell, else on stderr.

    Args:
        total: how many runs there are.
        hidden: show nothing.
        what: the runs are for; said in front, where there are several such parts.

    Yields:
        What the runner calls.
    """
    if hidden:
        yield lambda progress: None
    elif in_notebook():
        yield _change_line(what)
    elif sys.stderr is None or sys.stderr.closed or not sys.stderr.isatty():
        yield _write_lines(what)
    else:
        with _bar(total, what) as report:
            yield report


@contextmanager
def _bar(total: int, what: str) -> Iterator[OnProgress]:
    pace = Pace()
    console = Console(stderr=True)
    columns = (BarColumn(), TextColumn("{task.description}"), _PaceColumn(pace))
    with Progress(*columns, console=console, refresh_per_second=2, transient=True) as bar:
        task = bar.add_task("", total=total)

        def report(progress: runner.Progress) -> None:
            pace.update(progress)
            bar.update(task, completed=progress.total - progress.remaining, description=_head(progress, what))

        yield report


def say(text: str) -> None:
    """Write a line on stderr; where that is closed, or its disk is full, nobody is told and the work goes on."""
    if sys.stderr is not None:
        with suppress(OSError, ValueError):
            sys.stderr.write(f"{text}\n")
            sys.stderr.flush()


def describe(progress: runner.Progress) -> str:
    """The counts of the runs in words."""
    parts = [f"{progress.kept + progress.done:,} of {plural(progress.total, 'run')}"]
    parts += [f"{progress.diverged} diverged"] if progress.diverged else []
    parts += [f"{len(progress.failed)} failed"] if progress.failed else []
    parts += [plural(progress.workers, "worker")] if progress.workers else []
    return ", ".join(parts)


def in_notebook() -> bool:
    """Whether this process is the kernel of a notebook, where a cell's output is not a terminal but can change."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return hasattr(shell, "kernel")


def _write_lines(what: str) -> OnProgress:
    pace = Pace()
    due = pace.start

    def report(progress: runner.Progress) -> None:
        nonlocal due
        pace.update(progress)
        if pace.last >= due or not progress.remaining:
            due = pace.last + LINE_EVERY
            say(_line(progress, pace, what))

    return report


def _change_line(what: str) -> OnProgress:
    pace = Pace()
    due, longest = pace.start, 0

    def report(progress: runner.Progress) -> None:
        nonlocal due, longest
        pace.update(progress)
        if pace.last >= due or not progress.remaining:
            due = pace.last + UPDATE_EVERY
            line = _line(progress, pace, what)
            longest = max(longest, len(line))
            # A carriage return lets a notebook write over the line; blanks clear what is left of a longer one.
            sys.stdout.write(f"\r{line:<{longest}}" + ("" if progress.remaining else "\n"))
            sys.stdout.flush()

    return report


def _head(progress: runner.Progress, what: str) -> str:
    return ": ".join(filter(None, [what, describe(progress)]))


def _line(progress: runner.Progress, pace: Pace, what: str) -> str:
    return ", ".join(filter(None, [_head(progress, what), str(pace)]))


class _PaceColumn(ProgressColumn):
    def __init__(self, pace: Pace) -> None:
        super().__init__()
        self.pace = pace

    def render(self, task: Task) -> Text:
        return Text(str(self.pace), style="dim")
