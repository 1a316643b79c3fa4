"""The local runner: worker processes, one trial each at a time, results written by the worker as they come.

Workers import nothing of the user's script, unless it registers something that trials may name. What a notebook
registers is known to its own process alone, which then runs the trials itself.

The file tree says what is done, so running the same command again goes on where the last one stopped, and a
later one with more seeds runs only the new ones.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import traceback
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from multiprocessing import spawn
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import ModuleType
from typing import Any

from .. import activations, datasets, networks
from ..core.errors import ConfigError, RectifiersError
from . import own
from .experiment import Cell
from .store import Store
from .trial import Trial


@dataclass
class Progress:
    """How far the runs are; handed to the callback after every trial.

    Args:
        total: trials the experiment has, each counted once.
        kept: trials that had finished before.
        done: trials finished now.
        diverged: how many of those diverged.
        failed: trials that ended in an error, with its description; they are tried again the next time.
    """

    total: int
    kept: int
    done: int = 0
    diverged: int = 0
    failed: dict[Trial, str] = field(default_factory=dict)

    @property
    def remaining(self) -> int:
        """Trials still to do."""
        return self.total - self.kept - self.done - len(self.failed)


@dataclass
class _Worker:
    process: BaseProcess
    connection: Connection
    trial: Trial | None = None


def run(
    cells: Sequence[Cell],
    store: Store,
    *,
    workers: int | None = None,
    data_dir: Path | None = None,
    on_progress: Callable[[Progress], None] = lambda progress: None,
    here: bool = False,
) -> Progress:
    """Run what is not in the store yet.

    Args:
        cells: the trials; a trial that stands in several cells runs once.
        store: where results go, and weights if it keeps them.
        workers: processes; None takes one per core. Each trial uses the threads it names, one by default.
        data_dir: where data sets lie.
        on_progress: called at the start and after each trial.
        here: run in this process, one after the other.

    Returns:
        What was done. Trials whose process raised or was killed are in `failed`; the others are in the store.

    Raises:
        ConfigError: `workers` is not positive.
        RectifiersError: a trial cannot run because of a name, a setting or the data; no later one was started.
        KeyboardInterrupt: the user stopped it; what had finished is kept.
    """
    count = workers if workers is not None else os.cpu_count() or 1
    if count < 1:
        raise ConfigError(f"workers must be at least 1, got {count}")
    trials = list(dict.fromkeys(cell.trial for cell in cells))
    queue = _in_order([trial for trial in trials if not store.has(trial)])
    progress = Progress(total=len(trials), kept=len(trials) - len(queue))
    on_progress(progress)
    needed = frozenset(trials if store.keep_weights else (one for trial in trials for one in trial.ancestors))
    if _importing_main:
        raise ConfigError(
            "your script runs experiments while it is imported, which the processes that run them have to do because "
            "it defines what they need; put the code that runs them under `if __name__ == '__main__':`"
        )
    main = _main_to_import(trials)
    if here or (main is not None and not main):
        _run_here(queue, store, data_dir, needed, progress, on_progress)
        return progress
    pool: list[_Worker] = []
    try:
        pool += [_start(store, data_dir, needed, main) for _ in range(min(count, len(queue)))]
        for worker in pool:
            _give(worker, queue, store, progress)
        while any(worker.trial for worker in pool):
            busy = {worker.connection: worker for worker in pool if worker.trial}
            for ready in wait(list(busy)):
                worker = busy[ready]  # type: ignore[index]
                _take(worker, progress)
                if queue and not worker.process.is_alive():
                    pool[pool.index(worker)] = worker = _start(store, data_dir, needed, main)
                _give(worker, queue, store, progress)
                on_progress(progress)
    finally:
        for worker in pool:
            worker.process.terminate()
        for worker in pool:
            worker.process.join()
    return progress


def _in_order(trials: Sequence[Trial]) -> deque[Trial]:
    """Trials that others need first, then one of each start, votes last: so that no worker waits for another."""
    needed = {ancestor for trial in trials for ancestor in trial.ancestors}
    firsts = {trial.start: trial for trial in reversed(trials) if trial.start is not None}

    def rank(trial: Trial) -> int:
        if trial.vote:
            return 3
        if trial in needed:
            return 0
        return 2 if trial.start is None or firsts[trial.start] is not trial else 1

    return deque(sorted(trials, key=rank))


def _start(store: Store, data_dir: Path | None, needed: frozenset[Trial], main: dict[str, Any] | None) -> _Worker:
    # Spawned, not forked: a fork would inherit the locks of PyTorch's threads.
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_work, args=(theirs, store, data_dir, needed, main, own.loaded()), daemon=True)
    with _hold_interrupts(), _leave_out_main():
        process.start()
    theirs.close()
    return _Worker(process, ours)


@contextmanager
def _hold_interrupts() -> Iterator[None]:
    """Start a process that Ctrl-C does not reach: it goes to the whole group, and the parent decides what happens."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows, where `_work` alone must do
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


_importing_main = False
"""Whether this process is a worker that imports the user's script."""


def _main_to_import(trials: Sequence[Trial]) -> dict[str, Any] | None:
    """What a worker needs to import the user's script or notebook, if that defines something that trials may name.

    Returns:
        What `multiprocessing` prepares a process with; None if there is no need to, and nothing of it in a notebook,
        which cannot be imported.
    """
    registries = (activations.registry, networks.registry, datasets.registry)
    registers = any(registry.added_in("__main__") for registry in registries)
    if not registers and not any(one.network.startswith("__main__:") for one in trials):
        return None
    prepared = spawn.get_preparation_data("worker")
    if "init_main_from_name" in prepared:
        return {"init_main_from_name": prepared["init_main_from_name"]}
    path = prepared.get("init_main_from_path")
    return {"init_main_from_path": path} if path and Path(path).is_file() else {}


def _import_main(main: dict[str, Any]) -> ConfigError | None:
    """Import the user's script in a worker; what stands in the way, if anything does."""
    global _importing_main
    _importing_main = True
    try:
        spawn.prepare(main)
    except ConfigError as error:
        return error
    except (Exception, SystemExit):
        return ConfigError(
            "the processes that run trials import your script for what it defines, and it failed there; put what it "
            f"does beside defining things under `if __name__ == '__main__':`\n{traceback.format_exc().rstrip()}"
        )
    finally:
        _importing_main = False
    return None


@contextmanager
def _leave_out_main() -> Iterator[None]:
    """Start a process that does not import the user's script by itself: `_work` does, where it is needed."""
    main = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main


def _run_here(
    queue: deque[Trial],
    store: Store,
    data_dir: Path | None,
    needed: frozenset[Trial],
    progress: Progress,
    on_progress: Callable[[Progress], None],
) -> None:
    """Run trials in this process, one after the other."""
    while queue:
        trial = queue.popleft()
        if store.has(trial):
            progress.kept += 1
        else:
            _note(progress, trial, _carry_out(trial, store, data_dir, needed))
        on_progress(progress)


def _give(worker: _Worker, queue: deque[Trial], store: Store, progress: Progress) -> None:
    """Hand the next trial to an idle worker."""
    worker.trial = None
    while queue:
        trial = queue.popleft()
        if store.has(trial):  # another runner on the same folder was faster
            progress.kept += 1
            continue
        worker.trial = trial
        with suppress(BrokenPipeError):  # a process that died while idle is met by `_take`
            worker.connection.send(trial)
        return


def _take(worker: _Worker, progress: Progress) -> None:
    """Receive how the worker's trial ended."""
    assert worker.trial is not None
    try:
        outcome = worker.connection.recv()
    except (EOFError, ConnectionResetError):  # the latter if it died before it read the trial
        worker.process.join()
        progress.failed[worker.trial] = _explain_death(worker.process.exitcode or 0)
        return
    _note(progress, worker.trial, outcome)


def _explain_death(code: int) -> str:
    """Why a process ended, from its exit code."""
    if code == -getattr(signal, "SIGKILL", 9):
        return f"the process died (exit code {code}); out of memory?"
    name = signal.Signals(-code).name if -code in set(signal.Signals) else ""
    return f"the process died (exit code {code}{f', {name}' if name else ''})"


def _note(progress: Progress, trial: Trial, outcome: str | RectifiersError) -> None:
    """Count how a trial ended.

    Raises:
        RectifiersError: it cannot run.
    """
    if isinstance(outcome, RectifiersError):
        raise outcome
    if outcome in ("done", "diverged"):
        progress.done += 1
        progress.diverged += outcome == "diverged"
    else:
        progress.failed[trial] = outcome


def _work(
    connection: Connection,
    store: Store,
    data_dir: Path | None,
    needed: frozenset[Trial],
    main: dict[str, Any] | None,
    files: Sequence[own.Own],
) -> None:
    """Body of a worker process: take trials, keep results and needed weights, tell how each ended."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    obstacle = _restore_files(files) if main is None else _import_main(main) or _restore_files(files)
    while True:
        try:
            trial = connection.recv()
        except EOFError:
            return
        outcome = obstacle or _carry_out(trial, store, data_dir, needed)
        try:
            connection.send(outcome)
        except BrokenPipeError:  # the runner was killed; what this worker had begun is kept
            return


def _restore_files(files: Sequence[own.Own]) -> RectifiersError | None:
    """Load the user's own files as the first process did; return what stands in the way, such as a changed one."""
    try:
        own.restore(files)
    except RectifiersError as error:
        return error
    return None


def _carry_out(trial: Trial, store: Store, data_dir: Path | None, needed: frozenset[Trial]) -> str | RectifiersError:
    """Run a trial and keep its result: its status, what stands in its way, or the story of its failure."""
    from .run_trial import run_trial

    try:
        result = run_trial(trial, data_dir, store.weights, keep=trial in needed)
        store.write(result)
    except RectifiersError as error:
        return error
    except Exception:
        return traceback.format_exc()
    return result.status
