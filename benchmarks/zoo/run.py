"""Running the zoo: each model in a process of its own, with limits, and what is known already is not run again."""

from __future__ import annotations

import gc
import multiprocessing
import resource
import signal
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

from .entry import Entry
from .result import Result, Zoo, write

GIB = 2**30


@dataclass(frozen=True)
class Limits:
    """What a model may take.

    Args:
        memory: in GiB; what an allocation asks for beyond that fails.
        seconds: of processor time.
        patience: how many times as long it may take by the clock, on a machine that does other things too.
    """

    memory: float = 5.0
    seconds: float = 300.0
    patience: float = 10.0


def run(
    entries: Iterable[Entry],
    zoo: Zoo,
    path: Path,
    examine: Callable[[Entry], Result],
    limits: Limits,
    *,
    again: Callable[[Result], bool] = lambda _: False,
) -> None:
    """Examine the models without results, one process each, and write the file after each.

    Args:
        entries: the models.
        zoo: what is known; results are added to it.
        path: the file to write.
        examine: goes through all steps with a model.
        limits: what a model may take.
        again: whether a model that has a result is examined again.
    """
    # What is loaded now is never freed, so that the processes need not look through it for garbage.
    gc.collect()
    gc.freeze()
    for entry in entries:
        known = zoo.models.get(entry.name)
        if known is not None and not again(known):
            continue
        start = time.perf_counter()
        result = isolate(entry, examine, limits)
        zoo.models[entry.name] = result
        zoo.date = time.strftime("%Y-%m-%d")
        write(path, zoo)
        words = result.skipped or "; ".join(f"{step}: {text}" for step, text in result.failures.items()) or "fine"
        print(f"{entry.name:50} {time.perf_counter() - start:6.1f} s  {words}", flush=True)


def isolate(entry: Entry, examine: Callable[[Entry], Result], limits: Limits) -> Result:
    """Examine a model in a process of its own; a crash, or what exceeds the limits, becomes part of the result.

    The process is a fork, which has all libraries loaded already. Autograd and kernels must not have started threads.
    """
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe(duplex=False)
    child = context.Process(target=_work, args=(entry, examine, limits, theirs))
    child.start()
    theirs.close()
    received = None
    if ours.poll(limits.seconds * limits.patience):
        # A process that ended without a result says so by its code.
        with suppress(EOFError):
            received = ours.recv()
    else:
        child.kill()
    child.join()
    ours.close()
    if isinstance(received, Result):
        return received
    return _explain(entry, child.exitcode, limits)


def _work(entry: Entry, examine: Callable[[Entry], Result], limits: Limits, pipe: Connection) -> None:
    size, seconds = int(limits.memory * GIB), max(1, round(limits.seconds))
    resource.setrlimit(resource.RLIMIT_DATA, (size, size))
    used = time.process_time()
    resource.setrlimit(resource.RLIMIT_CPU, (int(used) + seconds, int(used) + seconds + 5))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    pipe.send(examine(entry))


def _explain(entry: Entry, code: int | None, limits: Limits) -> Result:
    """Make the result of a model whose process ended without one."""
    result = Result(entry.name, entry.family)
    if code == -signal.SIGXCPU:
        result.skipped = f"it takes more than {limits.seconds:.0f} s of processor time"
    elif code == -signal.SIGKILL:
        result.skipped = "its process was stopped, for lack of memory or of time"
    else:
        result.failures["run"] = f"its process ended with code {code}"
    return result
