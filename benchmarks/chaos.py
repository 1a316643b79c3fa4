"""What becomes of a sweep when things go wrong: fault by fault, how often it was tried, and what was lost.

    python benchmarks/chaos.py --times 50 --output benchmarks/results/chaos.json --write [--only "a worker killed"]

Each try of a fault whose moment is random starts a sweep of small runs in processes of its own, which keep a checkpoint
after every step, does the fault, starts the same sweep again, and compares every result with that of a lonely run, bit
for bit. The moment follows from the fault's name and the try's number. Lost is a result that was finished before the
fault and is gone or different after it, one that never comes or comes out different, and a training that goes on from
an earlier step than its last checkpoint. A run of this script that was ended goes on where its `--output` stands;
`--write` puts the table of that file into docs/faults.md. Disks are filled and made read-only where this user may mount
small ones.
"""

from __future__ import annotations

import argparse
import errno
import json
import logging
import math
import os
import random
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import torch

import rectifiers
from rectifiers.core.compiler import find_compiler
from rectifiers.core.errors import ConfigError, RectifiersError
from rectifiers.core.files import write_file
from rectifiers.experiments import archive, runner
from rectifiers.experiments.checkpointing import VARIABLE
from rectifiers.experiments.counting import CARD
from rectifiers.experiments.crew import LocalCrew
from rectifiers.experiments.experiment import Cell
from rectifiers.experiments.identity import identify
from rectifiers.experiments.leases import Leases
from rectifiers.experiments.result import Result
from rectifiers.experiments.run_trial import run_trial
from rectifiers.experiments.runner import StoppedError, run
from rectifiers.experiments.runner_files import FOLDER
from rectifiers.experiments.store import Store, checkpoints_folder
from rectifiers.experiments.trial import Trial
from rectifiers.experiments.verifying import verify
from rectifiers.experiments.weights import Run, write_run
from rectifiers.experiments.worker import Job, Worker
from rectifiers.kernels import build
from rectifiers.training.checkpoints import Checkpoints

PAGE = Path(__file__).resolve().parents[1] / "docs" / "faults.md"
LINES = 16
"""That a sweep says at least, by which a moment in it is chosen: a busy machine is slow in words and work alike."""
PATIENCE = 1800
"""Seconds for what takes one on an idle machine; programs that measure may stop all others for minutes."""
IMPATIENCE = 20.0
"""Seconds of silence after which a worker counts as standing still here, in place of two minutes."""
COMPUTING = 30
"""Seconds of the processor's time in which a process has to notice that its parent is gone."""
TRIALS = [
    Trial.create(
        dataset="digits",
        network="digits-conv",
        activation=activation,
        lr=0.05,
        momentum=0.9,
        epochs=4,
        train_size=512,
        seed=seed,
    )
    for seed in range(2)
    for activation in ("relu", "arelu", "rrelu")
]


def outcome(result: Result) -> dict[str, Any]:
    """All that must be the same bits each time: everything but when, where and how fast."""
    clocks = {"train_seconds", "test_seconds"}
    return result.model_dump(mode="json", exclude={"provenance": True, "epochs": {"__all__": clocks}})


def sweep(folder: Path, workers: int) -> int:
    """Run the sweep, and print what happens; the body of the processes that are harmed."""
    os.environ[VARIABLE] = "0"
    try:
        run(
            [Cell("row", "column", trial) for trial in TRIALS],
            Store(folder, "sweep"),
            workers=workers,
            on_event=lambda text, urgent: print(text, flush=True),
        )
    except StoppedError as error:
        return error.code
    except (KeyboardInterrupt, RectifiersError) as error:
        print(f"{type(error).__name__}: {error}", flush=True)
        return 1
    return 0


class Sweep:
    """The sweep in a process and a group of its own, forked from this one so that it starts at once.

    Args:
        folder: of the results.
        workers: as for `run`.
        before: called in it before it begins.
    """

    def __init__(self, folder: Path, workers: int = 2, before: Callable[[], object] = lambda: None) -> None:
        reading, writing = os.pipe()
        sys.stdout.flush()
        self.pid = os.fork()
        if not self.pid:
            code = 70
            try:
                os.setsid()
                os.dup2(writing, 1)
                os.dup2(writing, 2)
                # Shells let background jobs, this program perhaps among them, ignore Ctrl-C.
                signal.signal(signal.SIGINT, signal.default_int_handler)
                before()
                code = sweep(folder, workers)
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(code)
        os.close(writing)
        self.lines = os.fdopen(reading, encoding="utf-8", errors="replace")
        self._ended = False

    def wait(self) -> None:
        """Wait for the end of the process."""
        if not self._ended:
            deadline = time.monotonic() + PATIENCE
            while not os.waitpid(self.pid, os.WNOHANG)[0]:
                assert time.monotonic() < deadline, "it does not end"
                time.sleep(0.02)
            self._ended = True

    def read(self) -> str:
        """The rest of what it says, until all its processes have ended."""
        with self.lines:
            said = self.lines.read()
        self.wait()
        return said


def workers_of(process: Sweep) -> list[int]:
    """The workers that live now."""
    with suppress(OSError):
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        return [int(one) for one in children if b"spawn_main" in Path(f"/proc/{one}/cmdline").read_bytes()]
    return []


def wait_for_work(process: Sweep) -> None:
    """Wait for a random moment of the sweep."""
    for _ in range(random.randrange(LINES)):
        process.lines.readline()
    time.sleep(random.uniform(0, 0.3))


def kill(pid: int, number: int) -> None:
    """Send a signal to a process that may be gone."""
    with suppress(ProcessLookupError):
        os.kill(pid, number)


def read_all(folder: Path) -> dict[str, Any]:
    """The results there are, by trial."""
    store = Store(folder, "sweep")
    found = {trial.id: store.read(trial) for trial in TRIALS}
    return {name: outcome(result) for name, result in found.items() if result is not None}


Harm = Callable[[Sweep, Path], None]
Attempt = Callable[[Path, dict[str, Any]], int | tuple[int, int]]
"""Does a fault once, or several times, and tells how many times and what was lost."""


def harmed(folder: Path, harm: Harm, expected: dict[str, Any]) -> int:
    """Harm a running sweep, go on with it, and count what is lost."""
    process = Sweep(folder)
    wait_for_work(process)
    before = read_all(folder) if (folder / "sweep").exists() else {}
    harm(process, folder)
    process.read()
    lost = 0
    if harm is not take_away:
        after = read_all(folder)
        lost = sum(after.get(name) != result for name, result in before.items())
    return lost + finish(folder, expected)


def finish(folder: Path, expected: dict[str, Any]) -> int:
    """Go on with a sweep, in this process, and count what is lost."""
    store = Store(folder, "sweep")
    last = {
        trial: int(max(checkpoints_folder(store.folder, trial).glob("*.json")).stem)
        for trial in TRIALS
        if not store.has(trial) and any(checkpoints_folder(store.folder, trial).glob("*.json"))
    }
    run([Cell("row", "column", trial) for trial in TRIALS], store, here=True)
    done = read_all(folder)
    lost = sum(done.get(name) != result for name, result in expected.items())
    for trial, step in last.items():
        result = store.read(trial)
        resumed = re.match(r"after step (\d+)", "" if result is None else result.provenance.get("resumed", ""))
        lost += resumed is None or int(resumed[1]) < step
    return lost


def kill_worker(process: Sweep, folder: Path) -> None:
    """As the system does when memory runs out."""
    for pid in workers_of(process)[:1]:
        kill(pid, signal.SIGKILL)


def kill_runner(process: Sweep, folder: Path) -> None:
    """Its workers must end with it."""
    workers = workers_of(process)
    kill(process.pid, signal.SIGKILL)
    process.wait()
    for pid in workers:
        wait_for_end(pid)


def wait_for_end(pid: int) -> None:
    """Wait for a process that has to end by itself; one that was just starting ends when it has started."""
    since, deadline = computed(pid), time.monotonic() + PATIENCE
    while (now := computed(pid)) is not None:
        assert now - (since or 0.0) < COMPUTING, "a worker outlived its runner"
        assert time.monotonic() < deadline, "a worker outlived its runner"
        time.sleep(0.05)


def computed(pid: int) -> float | None:
    """Seconds of the processor's time that a process had; None if there is no such process."""
    with suppress(OSError):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return None if fields[0] in "ZX" else (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return None


def kill_group(process: Sweep, folder: Path) -> None:
    """All at once, as a cluster does."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def ask(*numbers: int) -> Harm:
    """Signals that ask to end, which have to be obeyed."""

    def harm(process: Sweep, folder: Path) -> None:
        for number in numbers:
            kill(process.pid, number)
            time.sleep(0.1)
        process.wait()

    return harm


def stop_worker(process: Sweep, folder: Path) -> None:
    """A worker stands still, and so cannot obey when the run is asked to end."""
    for pid in workers_of(process)[:1]:
        kill(pid, signal.SIGSTOP)
    ask(signal.SIGTERM)(process, folder)


def stop_runner(process: Sweep, folder: Path) -> None:
    """The whole group stands still for a moment, and goes on."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGSTOP)
        time.sleep(2)
        os.killpg(process.pid, signal.SIGCONT)


def starve_worker(process: Sweep, folder: Path) -> None:
    """A worker gets no more memory than it has."""
    for pid in workers_of(process)[:1]:
        with suppress(OSError):
            held = re.search(r"VmSize:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())
            if held:
                resource.prlimit(pid, resource.RLIMIT_AS, (1024 * int(held[1]), resource.RLIM_INFINITY))


def hang(folder: Path, expected: dict[str, Any]) -> int:
    """A worker stands still for ever, which is noticed: its trial is tried again, and the sweep ends by itself."""

    def be_impatient() -> None:
        read = Worker.read

        def read_impatiently(worker: Worker) -> tuple[str, Any]:
            word, value = read(worker)
            return word, ((*value[:-1], IMPATIENCE) if word in ("beat", "epoch") else value)

        Worker.read = read_impatiently  # type: ignore[method-assign]

    process = Sweep(folder, before=be_impatient)
    for line in process.lines:  # none waits long for its first epoch to be heard of
        if " epoch " in line:
            break
    for pid in workers_of(process)[:1]:
        kill(pid, signal.SIGSTOP)
    return ended_well(process, folder, expected)


def take_away(process: Sweep, folder: Path) -> None:
    """The folder is deleted in mid-run."""
    shutil.rmtree(folder / "sweep", ignore_errors=True)


def lose_card(process: Sweep, folder: Path) -> None:
    """The card of the folder is deleted in mid-run."""
    (folder / "sweep" / CARD).unlink(missing_ok=True)


def race(count: int) -> Callable[[Path, dict[str, Any]], int]:
    """Several runners at once: nothing is begun twice, and everything comes out the same."""

    def attempt(folder: Path, expected: dict[str, Any]) -> int:
        processes = [Sweep(folder, workers=1) for _ in range(count)]
        said = "".join(process.read() for process in processes)
        begun = [line.split()[0] for line in said.splitlines() if " begins: " in line]
        twice = len(begun) - len(set(begun))
        return twice + sum(read_all(folder).get(name) != result for name, result in expected.items())

    return attempt


def crowd(folder: Path, expected: dict[str, Any]) -> int:
    """Eight runners of 300 runs that take a moment, four of which are killed: no run is begun twice but theirs."""
    trials = [TRIALS[0].with_seed(seed) for seed in range(300)]
    log = os.open(folder / "begun", os.O_CREAT | os.O_RDWR | os.O_APPEND)

    def begin(trial: Trial, job: Job, *_: object) -> str:
        os.write(log, f"{os.getpid()} {trial.id}\n".encode())
        time.sleep(random.uniform(0, 0.005))
        path = job.store.path(trial)
        path.parent.mkdir(exist_ok=True)
        path.touch()
        return "done"

    pids = []
    for number in range(8):
        pids.append(os.fork())
        if not pids[-1]:
            random.seed(number)
            runner.carry_out = begin
            try:
                run([Cell("row", "column", trial) for trial in trials], Store(folder, "sweep"), here=True)
                os._exit(0)
            finally:
                os._exit(70)
    for pid in pids[:4]:
        time.sleep(random.uniform(0, 0.1))
        kill(pid, signal.SIGKILL)
    codes = [os.waitpid(pid, 0)[1] for pid in pids]
    lines = [line.split() for line in (folder / "begun").read_text(encoding="utf-8").splitlines()]
    os.close(log)
    # What each of those that were killed began last may have been cut short.
    last = {int(pid): name for pid, name in lines}
    begun = Counter(name for _, name in lines)
    for pid in pids[:4]:
        if begun[last.get(pid, "")] > 1:
            begun[last[pid]] -= 1
    store = Store(folder, "sweep")
    return (begun.total() - len(begun)) + sum(not store.has(trial) for trial in trials) + sum(map(bool, codes[4:]))


def fill_disk(folder: Path, expected: dict[str, Any]) -> int:
    """A disk without room in mid-run: the run waits, and goes on when there is some."""
    with small_disk(folder):
        process = Sweep(folder)
        wait_for_work(process)
        ballast = folder / "ballast"
        with suppress(OSError), ballast.open("wb") as file:
            while True:
                file.write(bytes(4096))
                file.flush()
        before = read_all(folder)
        time.sleep(5)
        lost = sum(read_all(folder).get(name) != result for name, result in before.items())
        ballast.unlink()
        process.read()
        return lost + finish(folder, expected)


def forbid_writing(folder: Path, expected: dict[str, Any]) -> int:
    """A disk that becomes read-only in mid-run: what had finished stays, and the sweep goes on when it may."""
    with small_disk(folder):
        process = Sweep(folder)
        wait_for_work(process)
        before = read_all(folder) if (folder / "sweep").exists() else {}
        # Not while a file is open to be written.
        while subprocess.run(["mount", "-o", "remount,ro", str(folder)], capture_output=True, check=False).returncode:
            time.sleep(0.01)
        process.read()
        lost = sum(read_all(folder).get(name) != result for name, result in before.items())
        subprocess.run(["mount", "-o", "remount,rw", str(folder)], check=True)
        return lost + finish(folder, expected)


@contextmanager
def small_disk(folder: Path) -> Iterator[None]:
    """Four megabytes of memory as a disk of its own."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(folder)], check=True, capture_output=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def close_streams(folder: Path, expected: dict[str, Any]) -> int:
    """Standard input and error are closed, so that pipes could get their numbers."""

    def close() -> None:
        os.close(0)
        os.close(2)
        sys.stderr = None  # type: ignore[assignment]

    return ended_well(Sweep(folder, before=close), folder, expected)


def break_pipe(folder: Path, expected: dict[str, Any]) -> int:
    """Nobody reads what goes to standard error."""

    def break_it() -> None:
        reading, writing = os.pipe()
        os.dup2(writing, 2)
        os.close(reading)

    return ended_well(Sweep(folder, before=break_it), folder, expected)


def refuse_processes(folder: Path, expected: dict[str, Any]) -> int:
    """The system cannot start a process, three times in a row."""

    def refuse() -> None:
        start, left = LocalCrew.start, iter(range(3))

        def start_later(crew: LocalCrew) -> Worker:
            for _ in left:
                raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
            return start(crew)

        LocalCrew.start = start_later  # type: ignore[method-assign]

    return ended_well(Sweep(folder, before=refuse), folder, expected)


def take_temporary(folder: Path, expected: dict[str, Any]) -> int:
    """The folder for temporary files that the environment names is not there."""

    def forget() -> None:
        os.environ["TMPDIR"] = str(folder / "nowhere")
        tempfile.tempdir = None

    return ended_well(Sweep(folder, before=forget), folder, expected)


def spoil_data(folder: Path, expected: dict[str, Any]) -> int:
    """The data of one trial are damaged: it fails by its name, and the others are run."""
    (folder / "bad.npz").write_bytes(b"no data")
    bad = TRIALS[0].model_copy(update={"dataset": f"npz:{folder / 'bad.npz'}"})
    store = Store(folder, "sweep")
    found = run([Cell("row", "column", trial) for trial in (bad, *TRIALS)], store, workers=2)
    return sum(not store.has(trial) for trial in TRIALS) + (list(found.failed) != [bad])


def replace_by(make: Callable[[Path], object]) -> Attempt:
    """Something else than a file in the place of a result: it is named, and nobody waits for it."""

    def attempt(folder: Path, expected: dict[str, Any]) -> int:
        store = Store(folder, "sweep")
        other = store.write(run_trial(TRIALS[1])).read_bytes()
        store.path(TRIALS[0]).parent.mkdir()
        make(store.path(TRIALS[0]))
        damaged: dict[Trial, Any] = {}
        found = store.outcomes([Cell("row", "column", trial) for trial in TRIALS[:2]], damaged)
        believed = [result is not None for _, result in found] != [False, True] or list(damaged) != TRIALS[:1]
        verify(store.folder, mend=True)
        return believed + store.has(TRIALS[0]) + (store.path(TRIALS[1]).read_bytes() != other)

    return attempt


def hang_git(folder: Path, expected: dict[str, Any]) -> int:
    """The git that is asked for the commit does not answer."""
    (folder / "git").write_text("#!/bin/sh\nexec sleep 1000\n")
    (folder / "git").chmod(0o755)

    def prefer() -> None:
        os.environ["PATH"] = f"{folder}{os.pathsep}{os.environ['PATH']}"

    return ended_well(Sweep(folder, before=prefer), folder, expected)


def ended_well(process: Sweep, folder: Path, expected: dict[str, Any]) -> int:
    """Wait for the end of a sweep, and count what is not there."""
    process.read()
    return sum(read_all(folder).get(name) != result for name, result in expected.items()) + (
        len(read_all(folder)) != len(TRIALS)
    )


def cut(path: Path, is_believed: Callable[[], bool]) -> tuple[int, int]:
    """Cut a file at each of its lengths, or at thousands of them; how many these were, and when it was believed."""
    whole = path.read_bytes().rstrip()
    lengths = sorted({*range(0, len(whole), math.ceil(len(whole) / 4096)), *range(max(0, len(whole) - 64), len(whole))})
    believed = 0
    for length in lengths:
        path.write_bytes(whole[:length])
        with suppress(RectifiersError):
            believed += is_believed()
    path.write_bytes(whole)
    return len(lengths), believed


def cut_result(folder: Path, expected: dict[str, Any]) -> tuple[int, int]:
    """A cut result is told from a whole one, and set aside on request."""
    store = Store(folder, "sweep")
    path = store.write(run_trial(TRIALS[0]))
    tried, believed = cut(path, lambda: store.read(TRIALS[0]) is not None)
    path.write_bytes(path.read_bytes()[:-9])
    return tried, believed + (len(verify(store.folder, mend=True)) != 1)


def cut_checkpoint(folder: Path, expected: dict[str, Any]) -> tuple[int, int]:
    """A cut checkpoint is passed over for the one before."""
    net = torch.nn.Linear(2, 2)
    for step in (1, 2):
        Checkpoints(folder, {}).keep(step, {"net": net})

    def is_believed() -> bool:
        checkpoints = Checkpoints(folder, {})
        checkpoints.resume({"net": net})
        return checkpoints.resumed != 1

    both = [cut(path, is_believed) for path in sorted(folder.glob("*2.*"))]
    return sum(tried for tried, _ in both), sum(believed for _, believed in both)


def cut_card(folder: Path, expected: dict[str, Any]) -> tuple[int, int]:
    """A folder whose store.json is cut keeps its results."""
    store = Store(folder, "sweep")
    store.write(run_trial(TRIALS[0]))

    def loses() -> bool:
        verify(store.folder, mend=True)
        return Store(folder, "sweep").read(TRIALS[0]) is None

    return cut(store.folder / CARD, loses)


def cut_packed(folder: Path, expected: dict[str, Any]) -> tuple[int, int]:
    """Packed results that are cut are no smaller sweep."""
    store = Store(folder, "sweep")
    path = store.folder / archive.NAME
    write_file(path, archive.to_jsonl(run_trial(trial) for trial in TRIALS[:2]))
    return cut(path, lambda: Store(folder, "sweep").read(TRIALS[0]) is not None)


def cut_weights(folder: Path, expected: dict[str, Any]) -> tuple[int, int]:
    """Cut weights are named."""
    store = Store(folder, "sweep")
    write_run(store.weights, Run(run_trial(TRIALS[0]), {"weight": torch.zeros(3)}))
    (path,) = store.weights.iterdir()
    return cut(path, lambda: not verify(store.folder))


def cut_model(folder: Path, expected: dict[str, Any]) -> tuple[int, int]:
    """A saved model whose plan or weights are cut is not loaded."""
    example = torch.zeros(1, 1, 8, 8)

    def net() -> torch.nn.Module:
        return torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.ReLU())

    model = net()
    rectifiers.swap(model, "pvlu", example=example)
    rectifiers.save(model, folder / "model")
    both = [cut(path, lambda: bool(rectifiers.load(folder / "model", net()))) for path in (folder / "model").iterdir()]
    return sum(tried for tried, _ in both), sum(believed for _, believed in both)


def cut_library(folder: Path, expected: dict[str, Any]) -> tuple[int, int]:
    """A compiled library that was cut is not loaded, but built anew."""
    (folder / "sources").mkdir()
    (folder / "sources" / "one.cpp").write_text('extern "C" int one() { return 1; }\n')
    library = build.Library("one", folder / "sources", (), ("c10",), "0")
    os.environ["XDG_CACHE_HOME"] = str(folder)
    path, _ = build.find_or_build(library)
    whole = path.read_bytes()
    tried, believed = cut(path, lambda: build._is_whole(path))
    path.write_bytes(whole[:-9])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        build.find_or_build(library)
    return tried, believed + (path.read_bytes() != whole)


def cut_lease(folder: Path, expected: dict[str, Any]) -> tuple[int, int]:
    """A cut lease of a runner elsewhere is not taken for none."""
    gone = Leases(folder)
    gone._facts["process"] = "another machine 1"
    gone._introduce()
    assert gone.take(TRIALS[0])
    with Leases(folder) as runner:
        return cut(folder / FOLDER / f"{TRIALS[0].id}.0", lambda: runner.take(TRIALS[0]))


def jump_clocks(folder: Path, expected: dict[str, Any]) -> int:
    """A file server's clock jumps by years in both directions, and no lease of a living runner expires."""
    gone = Leases(folder)
    gone._facts["process"] = "another machine 1"
    gone._introduce()
    assert gone.take(TRIALS[0])
    taken = 0
    with Leases(folder) as runner:
        for jump in (-3e8, 3e8, -1e9, 1e9):
            os.utime(gone._file(gone.token), (time.time() + jump, time.time() + jump))
            taken += runner.take(TRIALS[0])
    return taken


def change_data(folder: Path, expected: dict[str, Any]) -> int:
    """A data file that is replaced makes another trial, and a trial of the old one does not run on it."""
    file = folder / "data.npz"
    trials = []
    for seed in range(2):
        draw = np.random.default_rng(seed)
        images = {f"x_{part}": draw.integers(0, 256, (40, 8, 8), dtype="uint8") for part in ("train", "test")}
        np.savez(file, **images, **{f"y_{part}": np.arange(40) % 2 for part in ("train", "test")})
        trials.append(identify(TRIALS[0].model_copy(update={"dataset": f"npz:{file}", "train_size": None})))
    try:
        run_trial(trials[0])
    except RectifiersError:
        return int(trials[0] == trials[1])
    return 1


def find_other_version(folder: Path, expected: dict[str, Any]) -> int:
    """A folder of another version is refused, and stays as it is."""
    store = Store(folder, "sweep")
    card = store.folder / CARD
    card.write_text(json.dumps({"runs": "sweep", "format": 99}))
    before = card.read_bytes()
    try:
        Store(folder, "sweep")
    except RectifiersError:
        return int(card.read_bytes() != before)
    return 1


def with_harm(harm: Harm) -> Callable[[Path, dict[str, Any]], int]:
    """A fault that is done to a running sweep."""
    return lambda folder, expected: harmed(folder, harm, expected)


def can_mount() -> bool:
    """Whether this user may mount a disk."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            with small_disk(Path(folder)):
                return True
        except (OSError, subprocess.CalledProcessError):
            return False


def can_compile() -> bool:
    """Whether there is a compiler."""
    try:
        return bool(find_compiler())
    except ConfigError:
        return False


AT_RANDOM: dict[str, Attempt] = {
    "a worker killed": with_harm(kill_worker),
    "the runner killed": with_harm(kill_runner),
    "runner and workers killed": with_harm(kill_group),
    "a worker without memory": with_harm(starve_worker),
    "SIGTERM": with_harm(ask(signal.SIGTERM)),
    "SIGHUP": with_harm(ask(signal.SIGHUP)),
    "SIGUSR1": with_harm(ask(signal.SIGUSR1)),
    "Ctrl-C": with_harm(ask(signal.SIGINT)),
    "Ctrl-C twice": with_harm(ask(signal.SIGINT, signal.SIGINT)),
    "a worker stopped, then SIGTERM": with_harm(stop_worker),
    "all processes stopped for a while": with_harm(stop_runner),
    "the folder deleted in mid-run": with_harm(take_away),
    "store.json deleted in mid-run": with_harm(lose_card),
    "two runners at once": race(2),
    "four runners at once": race(4),
    "eight runners at once, four of them killed": crowd,
    "a full disk in mid-run": fill_disk,
    "a disk that becomes read-only in mid-run": forbid_writing,
}
"""Faults at a random moment, of which one try tells little, by name."""
CERTAIN: dict[str, Attempt] = {
    "a result cut": cut_result,
    "a checkpoint cut": cut_checkpoint,
    "store.json cut": cut_card,
    "packed results cut": cut_packed,
    "trained weights cut": cut_weights,
    "a lease cut": cut_lease,
    "a saved model cut": cut_model,
    "a compiled library cut": cut_library,
    "a worker that stands still": hang,
    "no process can be started": refuse_processes,
    "the data of one trial damaged": spoil_data,
    "a folder in the place of a result": replace_by(Path.mkdir),
    "a pipe in the place of a result": replace_by(os.mkfifo),
    "standard streams closed": close_streams,
    "a broken pipe behind standard error": break_pipe,
    "no folder for temporary files": take_temporary,
    "a git that hangs": hang_git,
    "clocks that jump": jump_clocks,
    "data replaced under a run": change_data,
    "a folder of another version": find_other_version,
}
"""Faults that come out the same each time; a file that is cut is cut at each of its lengths."""
FAULTS = {**AT_RANDOM, **CERTAIN}
NEEDS = {fill_disk: can_mount, forbid_writing: can_mount, cut_library: can_compile}


def tries(name: str, number: int, expected: dict[str, Any]) -> tuple[int, int]:
    """Do a fault in a folder of its own; how many times, and what was lost."""
    random.seed(f"{name} {number}")
    with tempfile.TemporaryDirectory(prefix="chaos-") as folder:
        outcome_ = FAULTS[name](Path(folder), expected)
    return outcome_ if isinstance(outcome_, tuple) else (1, outcome_)


def to_markdown(counts: dict[str, list[int]]) -> str:
    """The table of the documentation."""
    rows = [f"| {name} | {tried:,} | {lost:,} |" for name, (tried, lost) in counts.items()]
    return "\n".join(["| Fault | Times tried | Lost |", "|---|--:|--:|", *rows]) + "\n"


def main() -> int:
    """Try all faults, or some, and print the counts; the exit code is 1 if something was lost."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=50, help="how often each fault of a random moment is tried")
    parser.add_argument("--only", action="append", choices=FAULTS, help="a fault; all by default")
    parser.add_argument("--output", type=Path, help="JSON file of the counts, which are added to")
    parser.add_argument("--write", action="store_true", help="write the table of that file to docs/faults.md")
    chosen = parser.parse_args()
    if chosen.write and not chosen.output:
        parser.error("--write needs --output")
    counts: dict[str, list[int]] = {}
    if chosen.output and chosen.output.exists():
        counts = json.loads(chosen.output.read_text(encoding="utf-8"))
    logging.disable()  # what the library says of each damaged file
    expected = {trial.id: outcome(run_trial(trial)) for trial in TRIALS}
    # Each fault is tried once before one is tried twice, for who ends it soon.
    for number in range(chosen.times):
        for name in chosen.only or FAULTS:
            tried, lost = counts.get(name, (0, 0))
            if tried > (number if name in AT_RANDOM else 0):
                continue
            if not NEEDS.get(FAULTS[name], lambda: True)():
                print(f"{name}: left out, for this user cannot do it here", flush=True)
                continue
            more, losses = tries(name, number, expected)
            counts[name] = [tried + more, lost + losses]
            print(f"{name}: tried {tried + more:,}, lost {lost + losses:,}", flush=True)
            if chosen.output:
                counts = {name: counts[name] for name in FAULTS if name in counts}
                write_file(chosen.output, json.dumps(counts, indent=1) + "\n")
    if chosen.write:
        begin, end = "<!-- table:begin -->\n", "<!-- table:end -->"
        head, _, rest = PAGE.read_text(encoding="utf-8").partition(begin)
        PAGE.write_text(f"{head}{begin}\n{to_markdown(counts)}\n{end}{rest.partition(end)[2]}", encoding="utf-8")
    return int(any(lost for _, lost in counts.values()))


if __name__ == "__main__":
    sys.exit(main())
