"""How runs end that cannot go on, and what they leave behind: real processes, real signals, no orphans."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from PIL import Image

from rectifiers.experiments import runner
from rectifiers.experiments.failure import Failure
from rectifiers.experiments.machine import count_cores
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
    """Nothing but sick hands, as on a machine without memory."""

    shares_memory = takes_mates = False

    def gather(self, *_: object) -> SickCrew:
        return self

    def room(self) -> int:
        return 2

    def start(self) -> Sick:
        return Sick()

    def ready(self, hands: Sequence[object], seconds: float) -> Sequence[object]:
        return hands

    def close(self) -> None:
        pass


def test_a_sick_machine_does_not_use_up_the_sweep(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten failures in a row end it, with rests between them, and most trials are left for the next run."""
    monkeypatch.setattr(runner, "PAUSES", (0.0, 0.01))
    said: list[str] = []
    trials = [tiny(seed=seed) for seed in range(40)]
    progress = run(
        cells(*trials),
        Store(tmp_path, "sweep"),
        place=SickCrew(),  # type: ignore[arg-type]
        on_event=lambda text, urgent: said.append(text),
    )
    begun = sum(" begins: " in text for text in said)
    assert runner.BUDGET <= begun <= runner.BUDGET + 2
    assert progress.failed == {}
    assert progress.remaining == 40
    assert any(text.startswith("rests for") for text in said)
    given_up = "nothing more is begun, for 10 tries in a row failed: no memory for a process"
    assert any(text.startswith(given_up) for text in said)


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="the system has no affinity")
def test_as_many_workers_as_processors_that_may_be_used() -> None:
    before = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(before)})
        assert count_cores() == 1
    finally:
        os.sched_setaffinity(0, before)
    assert count_cores() == len(before)


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
        process = start(tmp_path, trials=1, epochs=10**6, settings=settings)
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
