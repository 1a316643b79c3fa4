"""How runs end that cannot go on, and what they leave behind: real processes, real signals, no orphans."""

from __future__ import annotations

import errno
import os
import signal
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from rectifiers.experiments import machine, runner
from rectifiers.experiments.compare.trial import OwnTrial
from rectifiers.experiments.failure import Failure
from rectifiers.experiments.machine import count_cores, count_fitting
from rectifiers.experiments.runner import run
from rectifiers.experiments.store import Store
from rectifiers.experiments.trial import Trial

from .samples import cells, tiny
from .test_surviving import check_sweep, children, is_alive, read_until, start, wait_until


class Sick:
    """A hand whose trials all end in a failure that may pass."""

    def __init__(self) -> None:
        self.trial: Trial | None = None
        self.mates: tuple[Trial, ...] = ()
        self.began = self.heard = time.monotonic()
        self.patience, self.doing = 60.0, ""

    def give(self, trial: Trial, patience: float, mates: Sequence[Trial] = ()) -> None:
        self.trial = trial

    def read(self) -> tuple[str, Failure]:
        return "ended", Failure("no memory for a process", passing=True)

    def last_words(self) -> str:
        return ""

    def is_alive(self) -> bool:
        return True

    def ask_to_stop(self) -> None:
        pass

    def join(self, seconds: float) -> None:
        pass

    def kill(self) -> None:
        pass


class SickCrew:
    """Nothing but sick hands, as on a machine without memory, or none at all, as on one that cannot start a process."""

    shares_memory = takes_mates = False

    def __init__(self, *, can_start: bool) -> None:
        self.can_start = can_start

    def gather(self, *_: object) -> SickCrew:
        return self

    def room(self) -> int:
        return 2

    def start(self) -> Sick:
        if not self.can_start:
            raise OSError(errno.EAGAIN, "Resource temporarily unavailable")
        return Sick()

    def ready(self, hands: Sequence[object], seconds: float) -> Sequence[object]:
        return hands

    def close(self) -> None:
        pass


@pytest.mark.parametrize("can_start", [True, False])
def test_a_sick_machine_does_not_use_up_the_sweep(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, can_start: bool
) -> None:
    """Ten failures in a row end it, with rests between them, and most trials are left for the next run."""
    monkeypatch.setattr(runner, "PAUSES", (0.0, 0.01))
    said: list[str] = []
    trials = [tiny(seed=seed) for seed in range(40)]
    progress = run(
        cells(*trials),
        Store(tmp_path, "sweep"),
        place=SickCrew(can_start=can_start),  # type: ignore[arg-type]
        on_event=lambda text, urgent: said.append(text),
    )
    begun = sum(" begins: " in text for text in said)
    assert (runner.BUDGET <= begun <= runner.BUDGET + 2) if can_start else begun == 0
    assert progress.failed == {}
    assert progress.remaining == 40
    assert any(text.startswith("rests for") for text in said)
    reason = "no memory for a process" if can_start else "cannot start a process: Resource temporarily unavailable"
    assert f"nothing more is begun, for 10 tries in a row failed: {reason}" in said


class Hungry(Sick):
    """A hand that finishes, but for the first, which lacks memory."""

    failed = False

    def read(self) -> tuple[str, Any]:
        if not Hungry.failed:
            Hungry.failed = True
            return "ended", Failure("out of memory", passing=True, memory=True)
        return "ended", "done"


class SmallCrew(SickCrew):
    """Hands that share a memory which is too small for two."""

    shares_memory = True

    def __init__(self) -> None:
        super().__init__(can_start=True)
        self.busy: list[int] = []

    def start(self) -> Sick:
        return Hungry()

    def ready(self, hands: Sequence[object], seconds: float) -> Sequence[object]:
        self.busy.append(len(hands))
        return hands[:1]


def test_where_memory_ran_out_trials_run_one_at_a_time(tmp_path: Path) -> None:
    crew = SmallCrew()
    trials = [tiny(seed=seed) for seed in range(5)]
    progress = run(cells(*trials), Store(tmp_path, "sweep"), place=crew)  # type: ignore[arg-type]
    assert (progress.done, progress.failed) == (5, {})
    assert crew.busy == [2, 1, 1, 1, 1, 1]


class Silent(Sick):
    """A hand that finishes after two hours without a word."""

    def give(self, trial: Trial, patience: float, mates: Sequence[Trial] = ()) -> None:
        self.trial, self.patience, self.heard = trial, patience, time.monotonic() - 7200

    def read(self) -> tuple[str, Any]:
        return "ended", "done"


class SlowCrew(SickCrew):
    """Hands of which none has anything to say at first."""

    looks = 0

    def start(self) -> Sick:
        return Silent()

    def ready(self, hands: Sequence[object], seconds: float) -> Sequence[object]:
        self.looks += 1
        return hands if self.looks > 1 else []


@pytest.mark.parametrize("trial", [OwnTrial(network="a:b#0", train="a:c#0"), OwnTrial(network="a:b#0"), tiny()])
def test_a_training_of_the_users_may_be_silent_for_hours(tmp_path: Path, trial: Trial) -> None:
    said: list[str] = []
    run(
        cells(trial),
        Store(tmp_path, "sweep"),
        place=SlowCrew(can_start=True),  # type: ignore[arg-type]
        on_event=lambda text, urgent: said.append(text),
    )
    assert any("the process hung" in text for text in said) == trial.tells


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="the system has no affinity")
def test_as_many_workers_as_processors_that_may_be_used() -> None:
    before = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(before)})
        assert count_cores() == 1
    finally:
        os.sched_setaffinity(0, before)
    assert count_cores() == len(before)


@pytest.mark.parametrize(
    ("words", "most"),
    [
        ({"SLURM_CPUS_PER_TASK": "1", "SLURM_CPUS_ON_NODE": "64"}, 1),
        ({"SLURM_CPUS_ON_NODE": "1"}, 1),
        ({"SLURM_CPUS_PER_TASK": "1000000"}, None),
        ({"SLURM_CPUS_PER_TASK": "many"}, None),
        ({"SLURM_CPUS_PER_TASK": "0"}, None),
    ],
)
def test_no_more_workers_than_slurm_grants_processors(
    monkeypatch: pytest.MonkeyPatch, words: dict[str, str], most: int | None
) -> None:
    for name in ("SLURM_CPUS_PER_TASK", "SLURM_CPUS_ON_NODE"):
        monkeypatch.delenv(name, raising=False)
    there = count_cores()
    for name, value in words.items():
        monkeypatch.setenv(name, value)
    assert count_cores() == (most or there)


@pytest.mark.parametrize(("cores", "threads", "fitting"), [(8, 1, 8), (8, 2, 4), (8, 3, 2), (2, 4, 1)])
def test_no_more_workers_than_their_threads_have_cores(
    monkeypatch: pytest.MonkeyPatch, cores: int, threads: int, fitting: int
) -> None:
    monkeypatch.setattr(machine, "count_cores", lambda: cores)
    assert count_fitting([tiny(), tiny(threads=threads)]) == fitting


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc").exists(), reason="finds workers in /proc")
class TestEnds:
    """Runs that are ended in unkind ways."""

    def test_a_second_ctrl_c_ends_at_once(self, tmp_path: Path) -> None:
        """A worker that stands still would be waited for, here for an hour."""
        process = start(
            tmp_path, trials=2, epochs=10**6, before="from rectifiers.experiments import runner; runner.GRACE = 3600"
        )
        read_until(process, r"epoch \d+ of")
        workers = children(process.pid)
        for pid in workers:
            os.kill(pid, signal.SIGSTOP)
        os.kill(process.pid, signal.SIGINT)
        read_until(process, "Ctrl-C once more ends them at once")
        os.kill(process.pid, signal.SIGINT)
        process.communicate(timeout=300)
        assert process.returncode not in (0, None)
        assert not any(map(is_alive, workers))

    def test_a_runner_that_stood_still_goes_on(self, tmp_path: Path) -> None:
        process = start(tmp_path, trials=4, epochs=3)
        read_until(process, " begins: ")
        os.kill(process.pid, signal.SIGSTOP)
        time.sleep(3)
        os.kill(process.pid, signal.SIGCONT)
        process.communicate(timeout=300)
        assert process.returncode == 0
        check_sweep(Store(tmp_path / "runs", "sweep"), [tiny(seed=seed, epochs=3) for seed in range(4)])

    @pytest.mark.parametrize("whom", ["runner", "worker"])
    def test_processes_that_fetch_batches_end_too(
        self, tmp_path: Path, whom: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for part in ("train", "val"):
            for name in ("a", "b"):
                (tmp_path / "photos" / part / name).mkdir(parents=True)
                for number in range(4):
                    Image.new("RGB", (260, 260)).save(tmp_path / "photos" / part / name / f"{number}.png")
        monkeypatch.setenv("RECTIFIERS_LOADER_WORKERS", "2")
        settings = {
            "dataset": f"pictures:{tmp_path / 'photos'}",
            "network": "mobilenet",
            "network_args": {"width": 0.1},
            "train_size": None,
            "batch_size": 2,
        }
        process = start(tmp_path, trials=1, epochs=10**6, **settings)
        read_until(process, " begins: ")
        wait_until(lambda: any(map(descendants, children(process.pid))), seconds=300)
        (worker,) = children(process.pid)
        family = [worker, *descendants(worker)]
        os.kill(process.pid if whom == "runner" else worker, signal.SIGKILL)
        wait_until(lambda: not any(map(is_alive, family)), seconds=300)
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()


def descendants(pid: int) -> list[int]:
    """The processes below a process."""
    try:
        below = [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []
    return below + [deeper for one in below for deeper in descendants(one)]
