"""Backlogs: what several runners take of one queue, and when they look at what the others do."""

from __future__ import annotations

from collections import deque
from pathlib import Path

import pytest

from rectifiers.experiments.backlog import PATROL, Backlog
from rectifiers.experiments.leases import Leases
from rectifiers.experiments.processes import machine
from rectifiers.experiments.store import Store

from .samples import tiny

TRIALS = [tiny(seed=seed) for seed in range(200)]


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_runners_go_past_what_others_began_and_leave_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store, tries = Store(tmp_path, "sweep"), 0
    make = Leases._make

    def count(self: Leases, lease: str) -> bool:
        nonlocal tries
        tries += 1
        return make(self, lease)

    with Leases(store.folder) as one, Leases(store.folder) as other:
        monkeypatch.setattr(Leases, "_make", count)
        ahead, behind = (Backlog(deque(TRIALS), store, leases, lambda: None) for leases in (other, one))
        begun = [ahead.take() for _ in range(100)]
        tries = 0
        begun.append(behind.take())
        assert tries < 10
        while (trial := behind.take()) is not None:
            begun.append(trial)
        assert len(begun) == len(set(begun)) == len(TRIALS)
        assert (len(behind), behind.elsewhere) == (0, 100)


def test_what_was_passed_over_and_is_free_is_found_without_a_wait(tmp_path: Path) -> None:
    store = Store(tmp_path, "sweep")
    with Leases(store.folder) as one, Leases(store.folder) as other:
        backlog = Backlog(deque(TRIALS[:3]), store, one, lambda: None, Clock())
        assert other.take(TRIALS[0])
        assert other.take(TRIALS[2])
        assert (backlog.take(), backlog.elsewhere) == (TRIALS[1], 2)
        assert backlog.take() is None


@pytest.mark.parametrize("held", [1, 50])
def test_trials_of_a_runner_that_died_come_first_when_a_look_is_paid_for(tmp_path: Path, held: int) -> None:
    """Each trial that is begun pays for looking through fifty that others hold, twice a minute at most."""
    store, clock = Store(tmp_path, "sweep"), Clock()
    gone = Leases(store.folder)
    gone._introduce()
    assert all(gone.take(trial) for trial in TRIALS[:held])
    with Leases(store.folder) as leases:
        backlog = Backlog(deque(TRIALS), store, leases, lambda: None, clock)
        assert backlog.take() is TRIALS[held]
        clock.now = PATROL + 1
        assert backlog.take() is TRIALS[held + 1]
        gone._facts["process"] = f"{machine()} 1"
        gone._write()
        leases._others.clear()
        assert backlog.take() is TRIALS[held + 2]
        clock.now = 2 * PATROL + 2
        if held == 50:
            assert backlog.take() is TRIALS[held + 3]
        assert backlog.take() is TRIALS[0]


def test_what_others_finished_is_told_once(tmp_path: Path) -> None:
    store, told, clock = Store(tmp_path, "sweep"), 0, Clock()

    def tell() -> None:
        nonlocal told
        told += 1

    with Leases(store.folder) as one, Leases(store.folder) as other:
        backlog = Backlog(deque(TRIALS[:4]), store, one, tell, clock)
        for trial in TRIALS[:3]:
            assert other.take(trial)
        assert backlog.take() is TRIALS[3]
        for trial in TRIALS[:3]:
            store.path(trial).parent.mkdir()
            store.path(trial).touch()
            other.release(trial)
        clock.now = 100
        assert backlog.take() is None
        assert (told, backlog.elsewhere) == (3, 0)
