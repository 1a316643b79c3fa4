"""What a run survives, and what does not survive a run: real processes, real signals."""

from __future__ import annotations

import math
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy
import pytest
from PIL import Image

from rectifiers.experiments import runner
from rectifiers.experiments.run_trial import run_trial
from rectifiers.experiments.runner import Progress, TimeUpError, run
from rectifiers.experiments.store import Store
from rectifiers.experiments.trial import Trial
from rectifiers.experiments.worker import Worker

from .samples import TINY, cells, outcome, tiny

pytestmark = [pytest.mark.slow, pytest.mark.skipif(os.name != "posix", reason="signals are POSIX's")]

SCRIPT = """
import sys
from rectifiers.experiments.experiment import Cell
from rectifiers.experiments.runner import StoppedError, run
from rectifiers.experiments.store import Store
from rectifiers.experiments.trial import Trial

{before}
if __name__ == "__main__":
    trials = [Trial(**{settings}, epochs=int(sys.argv[3]), seed=seed) for seed in range(int(sys.argv[2]))]
    store = Store(sys.argv[1], "sweep")
    try:
        run([Cell("a", "b", one) for one in trials], store, workers=2, on_event=lambda text, _: print(text, flush=True))
    except StoppedError as error:
        sys.exit(128 + error.signal)
"""


def start(tmp_path: Path, trials: int, epochs: int, *, before: str = "", **settings: Any) -> subprocess.Popen[str]:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT.replace("{settings}", repr({**TINY, **settings})).replace("{before}", before))
    return subprocess.Popen(
        [sys.executable, str(script), str(tmp_path / "runs"), str(trials), str(epochs)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def read_until(process: subprocess.Popen[str], pattern: str) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        if re.search(pattern, line):
            return
    pytest.fail(f"ended without {pattern}: {process.communicate()[1]}")


def children(pid: int) -> list[int]:
    """The workers of a process; a helper of multiprocessing is none."""
    found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(one) for one in found if b"spawn_main" in Path(f"/proc/{one}/cmdline").read_bytes()]


def descendants(pid: int) -> list[int]:
    """The workers of a process, and the processes that load data for them, which are forked."""
    workers = children(pid)
    below = [Path(f"/proc/{one}/task").glob("*/children") for one in workers]
    return workers + [int(one) for files in below for file in files for one in file.read_text().split()]


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def wait_until(condition: Callable[[], bool], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def check_sweep(store: Store, trials: Sequence[Trial]) -> None:
    for trial in trials:
        kept = store.read(trial)
        assert kept is not None
        assert outcome(kept) == outcome(run_trial(trial))


def test_workers_die_with_a_killed_runner_and_the_next_one_goes_on_at_once(tmp_path: Path) -> None:
    process = start(tmp_path, trials=2, epochs=10**6)
    read_until(process, r"epoch \d+ of")
    workers = children(process.pid)
    assert workers
    os.kill(process.pid, signal.SIGKILL)
    wait_until(lambda: not any(map(is_alive, workers)), seconds=60)
    process.communicate()
    store = Store(tmp_path / "runs", "sweep")
    trials = [tiny(seed=seed, epochs=2) for seed in range(2)]
    start_again = time.monotonic()
    assert run(cells(*trials), store, workers=1).done == 2
    assert time.monotonic() - start_again < 80
    check_sweep(store, trials)


@pytest.fixture
def pictures(tmp_path: Path) -> dict[str, Any]:
    """Settings of a trial whose data stay in their files."""
    random = numpy.random.default_rng(0)
    for part, count in (("train", 24), ("test", 8)):
        for label in ("dark", "light"):
            folder = tmp_path / "photos" / part / label
            folder.mkdir(parents=True)
            for number in range(count):
                level = random.integers(0, 120, (32, 32, 3)) + (120 if label == "light" else 0)
                Image.fromarray(level.astype("uint8")).save(folder / f"{number}.png")
    return {
        "dataset": f"pictures:{tmp_path / 'photos'}",
        "network": "resnet-10-imagenet",
        "network_args": {"width": 0.25},
        "train_size": None,
        "batch_size": 8,
    }


@pytest.mark.parametrize("name", ["SIGKILL", "SIGTERM"])
def test_processes_that_load_data_end_with_the_runner(
    tmp_path: Path, pictures: dict[str, Any], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("RECTIFIERS_LOADER_WORKERS", "2")
    process = start(tmp_path, 2, 10**6, **pictures)
    read_until(process, r"epoch \d+ of")
    found: set[int] = set()

    def loaders_run() -> bool:
        now = set(descendants(process.pid))
        found.update(now)
        return len(now) > 3

    wait_until(loaders_run, seconds=60)
    os.kill(process.pid, getattr(signal, name))
    process.communicate(timeout=60)
    wait_until(lambda: not any(map(is_alive, found)))


def test_workers_with_processes_that_load_data_give_the_same_bits(
    tmp_path: Path, pictures: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    trials = [tiny(**pictures, seed=seed, epochs=2) for seed in range(2)]
    alone = [outcome(run_trial(trial)) for trial in trials]
    monkeypatch.setenv("RECTIFIERS_LOADER_WORKERS", "2")
    store = Store(tmp_path / "runs", "sweep")
    assert run(cells(*trials), store, workers=2).done == 2
    assert [outcome(result) for result in map(store.read, trials) if result is not None] == alone


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP", "SIGUSR1"])
def test_signals_end_a_run_within_seconds(tmp_path: Path, name: str) -> None:
    process = start(tmp_path, trials=2, epochs=10**6)
    read_until(process, r"epoch \d+ of")
    workers = children(process.pid)
    number = getattr(signal, name)
    began = time.monotonic()
    os.kill(process.pid, number)
    _, complaints = process.communicate(timeout=120)
    assert time.monotonic() - began < 60  # a busy machine takes its time
    assert process.returncode == 128 + number
    assert complaints == ""
    assert not any(map(is_alive, workers))
    folder = tmp_path / "runs" / "sweep"
    assert not list(folder.glob(".leases/*"))
    assert list(folder.glob("*/checkpoints/*.json"))


def end_after_an_epoch(monkeypatch: pytest.MonkeyPatch) -> tuple[list[str], Callable[[str, bool], None]]:
    """Let the time limit of a run be reached when an epoch has ended, however busy the machine; what it says then."""
    said: list[str] = []
    check_time = runner.Running._check_time

    def check(running: runner.Running) -> None:
        if any(" epoch " in text for text in said):
            running.deadline = -math.inf
        check_time(running)

    monkeypatch.setattr(runner.Running, "_check_time", check)
    monkeypatch.setattr(runner, "GRACE", 300.0)
    return said, lambda text, urgent: said.append(text)


def test_a_time_limit_ends_a_run_with_checkpoints(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store, trial = Store(tmp_path, "sweep"), tiny(epochs=10**6)
    said, hear = end_after_an_epoch(monkeypatch)
    with pytest.raises(TimeUpError):
        run(cells(trial), store, workers=1, time_limit=10**6, on_event=hear)
    assert said[-1].startswith("the time limit is reached")
    assert list(store.folder.glob(f"{trial.id}/checkpoints/*.json"))


def test_runners_divide_the_work(tmp_path: Path) -> None:
    """Two runners of two workers: each trial is begun once, and the results are those of a lonely run."""
    processes = [start(tmp_path, trials=12, epochs=3) for _ in range(2)]
    said = [process.communicate(timeout=240) for process in processes]
    assert [process.returncode for process in processes] == [0, 0], said
    begun = Counter(line.split()[0] for out, _ in said for line in out.splitlines() if " begins: " in line)
    trials = [tiny(seed=seed, epochs=3) for seed in range(12)]
    assert begun == {trial.id: 1 for trial in trials}
    check_sweep(Store(tmp_path / "runs", "sweep"), trials)


def test_a_stopped_worker_is_noticed_and_its_trial_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read = Worker.read

    def impatient(worker: Worker) -> tuple[str, Any]:
        word, value = read(worker)
        return word, ((*value[:-1], 2.0) if word in ("beat", "epoch") else value)

    monkeypatch.setattr(Worker, "read", impatient)
    workers: list[Worker] = []
    give = Worker.give

    def watch(worker: Worker, trial: Trial, patience: float, mates: Sequence[Trial] = ()) -> None:
        workers.append(worker)
        give(worker, trial, patience, mates)

    monkeypatch.setattr(Worker, "give", watch)
    said: list[str] = []

    def stop_first(text: str, urgent: bool) -> None:
        said.append(text)
        if " epoch " in text and len(workers) == 1:
            os.kill(workers[0].process.pid or 0, signal.SIGSTOP)

    trial = tiny(epochs=60)
    store = Store(tmp_path, "sweep")
    progress = run(cells(trial), store, workers=1, on_event=stop_first)
    assert (progress.done, progress.failed) == (1, {})
    assert any("the process hung and was ended" in text for text in said)
    check_sweep(store, [trial])


def test_a_trial_whose_data_are_damaged_does_not_end_the_others(tmp_path: Path) -> None:
    store = Store(tmp_path, "sweep")
    bad, good = tiny(dataset="npz:nowhere.npz"), [tiny(seed=seed) for seed in range(2)]
    progress: Progress = run(cells(bad, *good), store, workers=1)
    assert progress.done == 2
    assert list(progress.failed) == [bad]
    assert "nowhere.npz" in progress.failed[bad]
