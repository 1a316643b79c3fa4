"""Leases: one holder at a time, expiry of the dead alone, whatever clocks and disks do."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from rectifiers.core.errors import StoreError
from rectifiers.experiments.leases import Leases
from rectifiers.experiments.processes import machine
from rectifiers.experiments.runner_files import FOLDER, clear_dead, list_runners

from .samples import tiny

TRIAL = tiny()


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def refuse_links(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)


def names(folder: Path) -> set[str]:
    return {path.name for path in (folder / FOLDER).glob(f"{TRIAL.id}.*")}


def test_one_of_two_runners_holds_a_trial(tmp_path: Path) -> None:
    with Leases(tmp_path) as one, Leases(tmp_path) as other:
        assert (one.take(TRIAL), other.take(TRIAL)) == (True, False)
        assert other.take(tiny(seed=1))
        one.release(TRIAL)
        assert other.take(TRIAL)
    assert not (tmp_path / FOLDER).exists()


def test_a_file_with_an_endless_number_is_no_lease(tmp_path: Path) -> None:
    with Leases(tmp_path) as one:
        (tmp_path / FOLDER / f"{TRIAL.id}.{'9' * 200}").write_text("{}")
        one.look()
        assert one.take(TRIAL)
        one.release(TRIAL)


@pytest.mark.parametrize("linked", [True, False])
def test_of_many_that_try_at_once_one_succeeds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, linked: bool) -> None:
    """Where the file system has no links, too."""
    if not linked:
        refuse_links(monkeypatch)
    runners = [Leases(tmp_path) for _ in range(8)]
    taken: list[Leases] = []
    barrier = threading.Barrier(len(runners))

    def race(runner: Leases) -> None:
        barrier.wait()
        if runner.take(TRIAL):
            taken.append(runner)

    for runner in runners:
        runner.__enter__()
    for _ in range(20):
        taken.clear()
        threads = [threading.Thread(target=race, args=(runner,)) for runner in runners]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(taken) == 1
        taken[0].release(TRIAL)
        assert names(tmp_path) == set()
    for runner in runners:
        runner.__exit__()


def leave_behind(folder: Path, **facts: object) -> Leases:
    """A runner that holds the trial, and no longer beats."""
    gone = Leases(folder)
    gone._facts |= facts
    gone._introduce()
    assert gone.take(TRIAL)
    return gone


def test_a_process_that_has_ended_here_is_dead_at_once(tmp_path: Path) -> None:
    ended = subprocess.run(
        [
            sys.executable,
            "-c",
            "import os; print(os.getpid(), open(f'/proc/self/stat').read().rpartition(')')[2].split()[19])",
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    pid, started = ended.stdout.split()
    leave_behind(tmp_path, pid=int(pid), process=f"{machine()} {started}")
    with Leases(tmp_path) as runner:
        assert runner.take(TRIAL)
        assert names(tmp_path) == {f"{TRIAL.id}.0", f"{TRIAL.id}.1"}
        runner.release(TRIAL)
        assert names(tmp_path) == set()
    assert [one.dead for one in list_runners(tmp_path)] == [True]
    assert clear_dead(tmp_path) == 1
    assert list_runners(tmp_path) == []


def test_another_process_of_the_same_number_is_not_taken_for_it(tmp_path: Path) -> None:
    leave_behind(tmp_path, process=f"{machine()} 1")
    with Leases(tmp_path) as runner:
        assert runner.take(TRIAL)


def test_one_of_another_machine_is_dead_when_it_no_longer_beats(tmp_path: Path) -> None:
    gone, clock = leave_behind(tmp_path, process="another machine 7", pid=1), Clock()
    with Leases(tmp_path, expiry=90, clock=clock) as runner:
        assert not runner.take(TRIAL)
        clock.now = 80
        gone._write()  # it lives after all
        assert not runner.take(TRIAL)
        clock.now = 160
        assert not runner.take(TRIAL)
        clock.now = 171
        assert runner.take(TRIAL)


def test_a_look_tells_what_others_took_and_gave_back(tmp_path: Path) -> None:
    with Leases(tmp_path) as one, Leases(tmp_path) as other:
        other.look()
        assert (other.is_held(TRIAL), other.runners) == (False, 2)
        assert one.take(TRIAL)
        assert not other.is_held(TRIAL)  # since the last look
        other.look()
        one.look()
        assert other.is_held(TRIAL)
        assert not one.is_held(TRIAL)
        one.release(TRIAL)
        other.look()
        assert not other.is_held(TRIAL)
        # One that was free at the last look, and no longer is.
        assert one.take(TRIAL)
        assert not other.take(TRIAL)


def list_without_inodes(monkeypatch: pytest.MonkeyPatch) -> None:
    """As file systems in user space do that do not know them."""
    listed = Leases._list
    monkeypatch.setattr(Leases, "_list", lambda self: dict.fromkeys(listed(self), 0xFFFFFFFF))


@pytest.mark.parametrize("without", [None, refuse_links, list_without_inodes])
def test_a_look_tells_whose_the_leases_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, without: Callable[[pytest.MonkeyPatch], None] | None
) -> None:
    """By inodes, or by reading those whose inodes do not tell."""
    if without is not None:
        without(monkeypatch)
    later, copied, theirs = (tiny(seed=seed) for seed in (1, 2, 3))
    gone = leave_behind(tmp_path, process=f"{machine()} 1")
    assert gone.take(later)
    (tmp_path / FOLDER / f"{copied.id}.0").write_bytes(gone._file(gone.token).read_bytes())
    with Leases(tmp_path) as alive, Leases(tmp_path) as runner:
        assert alive.take(theirs)
        for _ in range(2):
            runner.look()
            assert runner.runners == 3
            assert [runner.is_held(one) for one in (TRIAL, later, copied, theirs)] == [False, False, False, True]
        assert [runner.take(one) for one in (TRIAL, later, copied, theirs)] == [True, True, True, False]


def test_a_silent_runner_that_beats_again_holds_what_it_held(tmp_path: Path) -> None:
    clock = Clock()
    gone = leave_behind(tmp_path, process="another machine 7")
    with Leases(tmp_path, expiry=90, clock=clock) as runner:
        for now, beats, expected in [(0, False, True), (91, False, False), (100, True, True), (191, False, False)]:
            clock.now = now
            if beats:
                gone._write()
            runner.look()
            assert runner.is_held(TRIAL) is expected


@pytest.mark.parametrize("without", [None, refuse_links])
def test_a_lease_that_a_second_runner_made_anew_is_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, without: Callable[[pytest.MonkeyPatch], None] | None
) -> None:
    """It expires with the second one, also where the first one, that was seen to make it, lives on."""
    if without is not None:
        without(monkeypatch)
    with Leases(tmp_path) as runner, Leases(tmp_path) as first:
        assert first.take(TRIAL)
        assert not runner.take(TRIAL)
        first.release(TRIAL)
        leave_behind(tmp_path, process=f"{machine()} 1")
        runner.look()
        assert not runner.is_held(TRIAL)
        assert runner.take(TRIAL)


@pytest.mark.parametrize("linked", [True, False])
def test_an_inode_that_is_used_again_names_nobody_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, linked: bool
) -> None:
    """What has the name and the inode of something that was there before is not taken for it."""
    if not linked:
        refuse_links(monkeypatch)

    def reuse(self: Leases) -> dict[str, int]:
        """Each identity and its leases have one inode; all are the same for all runners but the one that looks."""
        own = {path.name: path.stat().st_ino for path in self.folder.iterdir()}
        return {name: 7 if inode != own[self._identity.name] else inode for name, inode in own.items()}

    clock = Clock()
    with Leases(tmp_path, clock=clock) as runner:
        monkeypatch.setattr(Leases, "_list", reuse)
        gone = leave_behind(tmp_path, process="another machine 7")
        runner.look()
        assert runner.is_held(TRIAL)
        gone.release(TRIAL)
        gone._identity.unlink()
        gone._file(gone.token).unlink()
        with Leases(tmp_path) as other:
            assert other.take(TRIAL)
            clock.now = 91
            assert not runner.take(TRIAL)
            other.release(TRIAL)
            assert runner.take(TRIAL)
            runner.release(TRIAL)
            assert other.take(TRIAL)
            assert not runner.take(TRIAL)


def test_what_a_second_runner_took_over_is_its_own(tmp_path: Path) -> None:
    clock = Clock()
    slow = leave_behind(tmp_path, process="another machine 7")
    with Leases(tmp_path, expiry=90, clock=clock) as runner:
        assert not runner.take(TRIAL)
        clock.now = 91
        assert runner.take(TRIAL)
        # The first one lives after all, and gives back what is no longer its own.
        slow.look()
        slow.release(TRIAL)
        assert slow.is_held(TRIAL)
        assert names(tmp_path) == {f"{TRIAL.id}.0", f"{TRIAL.id}.1"}
        runner.release(TRIAL)
        slow.look()
        assert not slow.is_held(TRIAL)


@pytest.mark.parametrize("jump", [-1e9, 1e9])
def test_jumping_clocks_expire_nothing(tmp_path: Path, jump: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither that of this machine, nor that of a file server, which dates files."""
    gone, clock = leave_behind(tmp_path, process="another machine 7"), Clock()
    file = gone._file(gone.token)
    with Leases(tmp_path, clock=clock) as runner:
        assert not runner.take(TRIAL)
        monkeypatch.setattr("time.time", lambda: 1.7e9 + jump)
        os.utime(file, (1.7e9 + jump, 1.7e9 + jump))
        assert not runner.take(TRIAL)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"token": 3}', b"\xff\xfe"])
def test_a_damaged_lease_expires_like_that_of_a_silent_runner(tmp_path: Path, content: bytes) -> None:
    (tmp_path / FOLDER).mkdir()
    (tmp_path / FOLDER / f"{TRIAL.id}.0").write_bytes(content)
    clock = Clock()
    with Leases(tmp_path, clock=clock) as runner:
        assert not runner.take(TRIAL)
        clock.now = 91
        assert runner.take(TRIAL)


def test_a_lease_cut_at_any_length_never_gives_a_trial_to_two(tmp_path: Path) -> None:
    gone = leave_behind(tmp_path, process="another machine 7")
    file = tmp_path / FOLDER / f"{TRIAL.id}.0"
    whole = file.read_bytes()
    gone._file(gone.token).unlink()
    with Leases(tmp_path, clock=Clock()) as runner:
        for length in range(len(whole)):
            file.write_bytes(whole[:length])
            assert not runner.take(TRIAL)


def test_the_folder_may_vanish_in_between(tmp_path: Path) -> None:
    with Leases(tmp_path) as runner:
        for path in (tmp_path / FOLDER).iterdir():
            path.unlink()
        (tmp_path / FOLDER).rmdir()
        assert runner.take(TRIAL)
        runner.release(TRIAL)


def test_beats_go_on_and_say_what_runs(tmp_path: Path) -> None:
    with Leases(tmp_path, beat=0.01) as runner:
        runner.running = {TRIAL.id: "epoch 3 of 5"}
        wait_until(lambda: list_runners(tmp_path)[0].running == {TRIAL.id: "epoch 3 of 5"})
        before = json.loads(runner._file(runner.token).read_bytes())["beat"]
        wait_until(lambda: json.loads(runner._file(runner.token).read_bytes())["beat"] > before)
        assert list_runners(tmp_path)[0].pid == os.getpid()


def test_a_runner_that_stands_still_itself_takes_nobody_for_dead(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Suspended with the machine, or before a file server that does not answer, as all others are."""
    answers = threading.Event()
    answers.set()
    write = Leases._write

    def wait(self: Leases) -> None:
        answers.wait()
        write(self)

    leave_behind(tmp_path, process="another machine 7")
    monkeypatch.setattr(Leases, "_write", wait)
    with Leases(tmp_path, beat=0.01, expiry=0.2) as runner:
        answers.clear()
        threading.Event().wait(0.5)
        runner.look()
        assert runner.is_held(TRIAL)
        answers.set()
        wait_until(lambda: runner.look() or not runner.is_held(TRIAL))


def wait_until(condition: Callable[[], bool]) -> None:
    for _ in range(500):
        if condition():
            return
        threading.Event().wait(0.01)
    pytest.fail("waited in vain")


def test_a_full_disk_leaves_a_beat(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: Leases) -> None:
        raise OSError(28, "No space left on device")

    with Leases(tmp_path, beat=0.01) as runner:
        file = runner._file(runner.token)
        os.utime(file, (1, 1))
        monkeypatch.setattr(Leases, "_write", full)
        wait_until(lambda: file.stat().st_mtime > 1)


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / FOLDER).write_text("in the way")
    with pytest.raises(StoreError, match=r"cannot write .*; give another results folder"), Leases(tmp_path):
        pass
