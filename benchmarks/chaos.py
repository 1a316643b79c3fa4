"""What becomes of a sweep when things go wrong: fault by fault, how often it was tried, and what was lost.

    python benchmarks/chaos.py [--times 50] [--only "a worker killed"] [--write]

Each try starts a sweep of small runs of several epochs in processes of its own, does the fault at a random moment,
starts the same sweep again, and compares every result with that of a lonely run, bit for bit. Lost is a result that
was finished before the fault and is gone or different after it, or one that never comes or comes out different.
`--write` puts the table into docs/faults.md. A disk is filled where this user may mount a small one.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np

from rectifiers.core.errors import RectifiersError
from rectifiers.experiments.claims import FOLDER, Claims
from rectifiers.experiments.counting import CARD
from rectifiers.experiments.experiment import Cell
from rectifiers.experiments.identity import identify
from rectifiers.experiments.result import Result
from rectifiers.experiments.run_trial import run_trial
from rectifiers.experiments.runner import StoppedError, run
from rectifiers.experiments.store import Store
from rectifiers.experiments.trial import Trial
from rectifiers.experiments.verifying import verify

PAGE = Path(__file__).resolve().parents[1] / "docs" / "faults.md"
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


def sweep(folder: Path, workers: int) -> None:
    """Run the sweep, and print what happens; the body of the processes that are harmed."""
    try:
        run(
            [Cell("row", "column", trial) for trial in TRIALS],
            Store(folder, "sweep"),
            workers=workers,
            on_event=lambda text, urgent: print(text, flush=True),
        )
    except StoppedError as error:
        sys.exit(128 + error.signal)


def start(folder: Path, workers: int = 2) -> subprocess.Popen[str]:
    """Start the sweep in a process and a group of its own."""
    return subprocess.Popen(
        [sys.executable, __file__, "--sweep", str(folder), "--workers", str(workers)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        # Shells let background jobs, this program perhaps among them, ignore Ctrl-C.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


def workers_of(process: subprocess.Popen[str]) -> list[int]:
    """The workers that live now."""
    with suppress(OSError):
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        return [int(one) for one in children if b"spawn_main" in Path(f"/proc/{one}/cmdline").read_bytes()]
    return []


def wait_for_work(process: subprocess.Popen[str]) -> None:
    """Wait until the first trial has begun, and then for a random moment."""
    assert process.stdout is not None
    for line in process.stdout:
        if " begins: " in line:
            break
    time.sleep(random.uniform(0, 4))


def kill(pid: int, number: int) -> None:
    """Send a signal to a process that may be gone."""
    with suppress(ProcessLookupError):
        os.kill(pid, number)


def read_all(folder: Path) -> dict[str, Any]:
    """The results there are, by trial."""
    store = Store(folder, "sweep")
    found = {trial.id: store.read(trial) for trial in TRIALS}
    return {name: outcome(result) for name, result in found.items() if result is not None}


Harm = Callable[[subprocess.Popen[str], Path], None]


def harmed(folder: Path, harm: Harm, expected: dict[str, Any]) -> int:
    """Harm a running sweep, start it again, and count what is lost."""
    process = start(folder)
    wait_for_work(process)
    before = read_all(folder) if (folder / "sweep").exists() else {}
    harm(process, folder)
    process.communicate(timeout=600)
    lost = 0
    if harm is not take_away:
        after = read_all(folder)
        lost = sum(after.get(name) != result for name, result in before.items())
    again = start(folder)
    again.communicate(timeout=600)
    return lost + sum(read_all(folder).get(name) != result for name, result in expected.items())


def kill_worker(process: subprocess.Popen[str], folder: Path) -> None:
    """As the system does when memory runs out."""
    for pid in workers_of(process)[:1]:
        kill(pid, signal.SIGKILL)


def kill_runner(process: subprocess.Popen[str], folder: Path) -> None:
    """Its workers must end with it."""
    workers = workers_of(process)
    kill(process.pid, signal.SIGKILL)
    process.wait()
    # One that was just starting ends when it has started.
    deadline = time.monotonic() + 60
    while any(map(is_alive, workers)):
        assert time.monotonic() < deadline, "a worker outlived its runner"
        time.sleep(0.1)


def is_alive(pid: int) -> bool:
    """Whether a process runs."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    return False


def kill_group(process: subprocess.Popen[str], folder: Path) -> None:
    """All at once, as a cluster does."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def ask(number: int) -> Harm:
    """A signal that asks to end, which has to be obeyed within seconds."""

    def harm(process: subprocess.Popen[str], folder: Path) -> None:
        kill(process.pid, number)
        process.communicate(timeout=30)

    return harm


def stop_runner(process: subprocess.Popen[str], folder: Path) -> None:
    """The whole group stands still for a moment, and goes on."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGSTOP)
        time.sleep(2)
        os.killpg(process.pid, signal.SIGCONT)


def take_away(process: subprocess.Popen[str], folder: Path) -> None:
    """The folder is deleted in mid-run."""
    shutil.rmtree(folder / "sweep", ignore_errors=True)


def lose_card(process: subprocess.Popen[str], folder: Path) -> None:
    """The card of the folder is deleted in mid-run."""
    (folder / "sweep" / CARD).unlink(missing_ok=True)


def race(count: int) -> Callable[[Path, dict[str, Any]], int]:
    """Several runners at once: nothing is begun twice, and everything comes out the same."""

    def attempt(folder: Path, expected: dict[str, Any]) -> int:
        processes = [start(folder, workers=1) for _ in range(count)]
        said = "".join(process.communicate(timeout=600)[0] for process in processes)
        begun = [line.split()[0] for line in said.splitlines() if " begins: " in line]
        twice = len(begun) - len(set(begun))
        return twice + sum(read_all(folder).get(name) != result for name, result in expected.items())

    return attempt


def fill_disk(folder: Path, expected: dict[str, Any]) -> int:
    """A disk without room in mid-run: the run waits, and goes on when there is some."""
    with small_disk(folder):
        process = start(folder)
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
        process.communicate(timeout=600)
        again = start(folder)
        again.communicate(timeout=600)
        return lost + sum(read_all(folder).get(name) != result for name, result in expected.items())


@contextmanager
def small_disk(folder: Path) -> Iterator[None]:
    """Two megabytes of memory as a disk of its own."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)], check=True, capture_output=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def can_mount() -> bool:
    """Whether this user may mount a disk."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            with small_disk(Path(folder)):
                return True
        except (OSError, subprocess.CalledProcessError):
            return False


def cut_results(folder: Path, expected: dict[str, Any]) -> int:
    """A result cut at each of its lengths is told from a whole one."""
    store = Store(folder, "sweep")
    path = store.write(run_trial(TRIALS[0]))
    whole = path.read_bytes().rstrip()
    believed = 0
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        try:
            believed += store.read(TRIALS[0]) is not None
        except RectifiersError:
            continue
    path.write_bytes(whole[: len(whole) // 2])
    return believed + (len(verify(store.folder, mend=True)) != 1)


def cut_claims(folder: Path, expected: dict[str, Any]) -> int:
    """A claim of a runner elsewhere, cut at each of its lengths, is not taken for none."""
    gone = Claims(folder)
    gone._facts["process"] = "another machine 1"
    (folder / FOLDER).mkdir()
    gone._write()
    assert gone.take(TRIALS[0])
    claim = folder / FOLDER / f"{TRIALS[0].id}.0"
    whole, taken = claim.read_bytes(), 0
    with Claims(folder) as runner:
        for length in range(len(whole)):
            claim.write_bytes(whole[:length])
            taken += runner.take(TRIALS[0])
    return taken


def jump_clocks(folder: Path, expected: dict[str, Any]) -> int:
    """A file server's clock jumps by years in both directions, and no claim of a living runner expires."""
    gone = Claims(folder)
    gone._facts["process"] = "another machine 1"
    (folder / FOLDER).mkdir()
    gone._write()
    assert gone.take(TRIALS[0])
    taken = 0
    with Claims(folder) as runner:
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


FAULTS: dict[str, tuple[Callable[[Path, dict[str, Any]], int], bool]] = {
    "a worker killed": (with_harm(kill_worker), True),
    "the runner killed": (with_harm(kill_runner), True),
    "runner and workers killed": (with_harm(kill_group), True),
    "SIGTERM": (with_harm(ask(signal.SIGTERM)), True),
    "SIGHUP": (with_harm(ask(signal.SIGHUP)), True),
    "SIGUSR1": (with_harm(ask(signal.SIGUSR1)), True),
    "Ctrl-C": (with_harm(ask(signal.SIGINT)), True),
    "all processes stopped for a while": (with_harm(stop_runner), True),
    "the folder deleted in mid-run": (with_harm(take_away), True),
    "store.json deleted in mid-run": (with_harm(lose_card), True),
    "two runners at once": (race(2), True),
    "four runners at once": (race(4), True),
    "a full disk in mid-run": (fill_disk, True),
    "a result cut at every length": (cut_results, False),
    "a claim cut at every length": (cut_claims, False),
    "clocks that jump": (jump_clocks, False),
    "data replaced under a run": (change_data, False),
    "a folder of another version": (find_other_version, False),
}
"""By name: what does it, and whether its moment is random, so that trying it once tells little."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=50, help="how often each fault of a random moment is tried")
    parser.add_argument("--only", action="append", help="a fault by its name; may be repeated")
    parser.add_argument("--write", action="store_true", help="write docs/faults.md")
    parser.add_argument("--sweep", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--workers", type=int, default=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.sweep is not None:
        sweep(arguments.sweep, arguments.workers)
        return
    random.seed(0)
    expected = {trial.id: outcome(run_trial(trial)) for trial in TRIALS}
    rows, losses = [], 0
    for name, (attempt, at_random) in FAULTS.items():
        if arguments.only and name not in arguments.only:
            continue
        if attempt is fill_disk and not can_mount():
            print(f"{name}: left out, for no disk can be mounted here", flush=True)
            continue
        times = arguments.times if at_random else 1
        lost = 0
        for _ in range(times):
            with tempfile.TemporaryDirectory(prefix="chaos-") as folder:
                lost += attempt(Path(folder), expected)
        print(f"{name}: tried {times}, lost {lost}", flush=True)
        rows.append(f"| {name} | {times} | {lost} |")
        losses += lost
    if arguments.write:
        begin, end = "<!-- table:begin -->\n", "<!-- table:end -->"
        head, _, rest = PAGE.read_text(encoding="utf-8").partition(begin)
        table = "\n".join(["| Fault | Times tried | Lost |", "|---|--:|--:|", *rows])
        PAGE.write_text(f"{head}{begin}\n{table}\n\n{end}{rest.partition(end)[2]}", encoding="utf-8")
    sys.exit(losses > 0)


if __name__ == "__main__":
    main()
