"""A worker: a process that carries out one trial after the other, and dies with the runner that started it.

Workers import nothing of the user's script, unless it registers something that trials may name. What a notebook
registers is known to its own process alone.
"""

from __future__ import annotations

import ctypes
import faulthandler
import multiprocessing
import os
import signal
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing import spawn
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from .. import activations, datasets, networks
from ..core.errors import ConfigError, RectifiersError
from ..core.files import fill_standard_streams
from . import own
from .failure import Failure, from_error, from_exit
from .gpus import seeing
from .store import Store
from .trial import Trial

LAST_WORDS = 4000
"""Characters that are kept of what a process that died wrote."""
_SET_PDEATHSIG = 1
"""Of Linux's `prctl`: which signal comes when the parent dies."""

STOPPED = "stopped"
"""How a trial ends that was asked to stop."""

Outcome = str | Failure | RectifiersError
"""How a trial ended: its status, what went wrong, or the mistake that stands in its way."""


class Job(NamedTuple):
    """What all trials of a run have in common.

    Args:
        store: where results go.
        data_dir: where data lie.
        needed: trials whose weights are kept.
        main: what a worker needs to import the user's script; None if it does not have to.
        files: of the user's own, that a worker loads.
    """

    store: Store
    data_dir: Path | None
    needed: frozenset[Trial]
    main: dict[str, Any] | None
    files: Sequence[own.Own]


class Worker:
    """The runner's end of a worker.

    Args:
        job: what it works on.
        gpu: the only one that it sees; None leaves all of them.

    Raises:
        OSError: the system cannot start a process now.

    Attributes:
        gpu: the only one that it sees, if it is one.
        trial: what it carries out; None if it is idle.
        mates: trials that it carries out in the same computation.
        heard: when it was heard of last, in seconds of `time.monotonic`.
        patience: seconds of silence after which it hangs.
        doing: what it does, in words.
    """

    def __init__(self, job: Job, gpu: str | None = None) -> None:
        fill_standard_streams()
        # Spawned, not forked: a fork would inherit the locks of PyTorch's threads.
        context = multiprocessing.get_context("spawn")
        self._words = tempfile.NamedTemporaryFile(prefix="rectifiers-", suffix=".log")  # noqa: SIM115 - outlives this
        self.connection, theirs = context.Pipe()
        # No daemon, for a data loader in it may have processes of its own; `_die_with_parent` sees to its end.
        self.process: BaseProcess = context.Process(target=_work, args=(theirs, job, self._words.name), daemon=False)
        try:
            with _hold_interrupts(), _leave_out_main(), seeing(gpu):
                self.process.start()
        finally:
            theirs.close()
        self.gpu = gpu
        self.trial: Trial | None = None
        self.mates: tuple[Trial, ...] = ()
        self.began = self.heard = time.monotonic()
        self.patience = 0.0
        self.doing = ""

    def give(self, trial: Trial, patience: float, mates: Sequence[Trial] = ()) -> None:
        """Hand it a trial, with those that are one computation with it."""
        self.trial, self.mates, self.doing = trial, tuple(mates), "starting"
        self.began = self.heard = time.monotonic()
        self.patience = patience
        with suppress(OSError):  # a process that died while idle is met when its end is read
            self.connection.send((trial, self.mates))

    def read(self) -> tuple[str, Any]:
        """Read a word of it; its death is one, `ended`."""
        self.heard = time.monotonic()
        try:
            word, value = self.connection.recv()
        except (EOFError, OSError):
            self.process.join()
            return "ended", from_exit(self.process.exitcode or 0, self.last_words())
        return word, value

    def last_words(self) -> str:
        """What its process wrote on stderr, as far as it is kept."""
        with suppress(OSError):
            return Path(self._words.name).read_text(encoding="utf-8", errors="replace")[-LAST_WORDS:]
        return ""

    def is_alive(self) -> bool:
        """Whether its process runs."""
        return self.process.is_alive()

    def join(self, seconds: float) -> None:
        """Wait until its process has ended, for so long at most."""
        self.process.join(seconds)

    def ask_to_stop(self) -> None:
        """Ask it to end: at once if it is idle, else at its next step."""
        if self.trial is None:
            self.connection.close()
        elif self.process.is_alive():
            self.process.terminate()

    def kill(self) -> None:
        """End it now, even if it is stopped or hangs."""
        self.process.kill()
        self.process.join()
        self.connection.close()
        self._words.close()


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


importing_main = False
"""Whether this process is a worker that imports the user's script."""


def main_to_import(trials: Sequence[Trial]) -> dict[str, Any] | None:
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
    global importing_main
    importing_main = True
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
        importing_main = False
    return None


def _restore_files(files: Sequence[own.Own]) -> RectifiersError | None:
    """Load the user's own files as the first process did; return what stands in the way, such as a changed one."""
    try:
        own.restore(files)
    except RectifiersError as error:
        return error
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


def _work(connection: Connection, job: Job, words: str) -> None:
    """Body of a worker process: take trials, keep results and needed weights, tell how each ended."""
    _die_with_parent()
    _write_words_to(words)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    from .pulse import Pulse

    lock = threading.Lock()

    def tell(word: str, value: Any) -> None:
        with lock, suppress(OSError):  # a runner that is gone takes this process along
            connection.send((word, value))

    pulse = Pulse(tell)
    for name in ("SIGTERM", "SIGHUP", "SIGUSR1"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), lambda *_: setattr(pulse, "stopping", True))
    obstacle = (None if job.main is None else _import_main(job.main)) or _restore_files(job.files)
    while not pulse.stopping:
        try:
            trial, mates = connection.recv()
        except (EOFError, OSError):
            return
        tell("ended", obstacle or carry_out(trial, job, pulse, mates))


def carry_out(trial: Trial, job: Job, pulse: Any = None, mates: Sequence[Trial] = ()) -> Outcome:
    """Run a trial and keep its result; how that ended.

    Args:
        trial: what to do.
        job: where from and where to.
        pulse: what is told while it runs; None for nothing.
        mates: trials that are one computation with it, whose results are kept first.
    """
    from .pulse import StoppedError, watched
    from .run_trial import run_together, run_trial

    try:
        with watched(pulse):
            if mates:
                result, *others = run_together((trial, *mates), job.data_dir)
                for other in others:
                    job.store.write(other)
            else:
                result = run_trial(trial, job.data_dir, job.store.weights, keep=trial in job.needed)
            job.store.write(result)
    except RectifiersError as error:
        return error
    except StoppedError:
        return STOPPED
    except Exception as error:
        return from_error(error)
    return result.status


def _die_with_parent() -> None:
    """Let this process end when the one that started it does, however that ends."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    if sys.platform == "linux":
        # The system does it, even while this process is stopped or busy in C.
        with suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(_SET_PDEATHSIG, signal.SIGKILL)

    def watch() -> None:
        wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=watch, name="parent", daemon=True).start()


def _write_words_to(path: str) -> None:
    """Keep what this process writes on stderr in a file, so that its last words are known when it dies."""
    with suppress(OSError):
        handle = os.open(path, os.O_WRONLY | os.O_APPEND)
        os.dup2(handle, 2)
        os.close(handle)
        sys.stderr = open(2, "w", encoding="utf-8", errors="replace", buffering=1, closefd=False)  # noqa: SIM115
        faulthandler.enable()
