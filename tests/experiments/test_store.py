"""The store: whole files or none, and one clear line for every folder or file that is not what it should be."""

from __future__ import annotations

import errno
import json
import os
import pickle
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from rectifiers.core.errors import StoreError
from rectifiers.experiments import archive, pulse
from rectifiers.experiments import store as store_module
from rectifiers.experiments.counting import CARD
from rectifiers.experiments.result import FORMAT
from rectifiers.experiments.store import DamagedError, Store, write_atomically
from rectifiers.experiments.trial import Trial
from rectifiers.experiments.verifying import verify
from rectifiers.experiments.weights import Run, write_run

from .samples import cells, epoch, result, tiny

TRIAL = tiny()


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "runs", "sweep")


@pytest.fixture
def locked(tmp_path: Path) -> Iterator[Path]:
    if os.name != "posix" or os.geteuid() == 0:
        pytest.skip("the superuser may write everywhere")
    folder = tmp_path / "locked"
    folder.mkdir()
    folder.chmod(0o500)
    yield folder
    folder.chmod(0o700)


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_what_was_written_is_read(store: Store) -> None:
    given = result(TRIAL, epochs=[epoch(1, 97.5, validation=96.0)], provenance={"torch": "2.10"})
    assert not store.has(TRIAL)
    assert store.read(TRIAL) is None
    path = store.write(given)
    assert path == store.folder / TRIAL.id / "result.json"
    assert store.has(TRIAL)
    assert store.read(TRIAL) == given
    assert files(store.folder) == sorted(["store.json", f"{TRIAL.id}/result.json"])


def test_missing_are_those_without_a_result(store: Store) -> None:
    trials = [tiny(seed=seed) for seed in range(4)]
    assert store.missing(trials) == trials
    store.write(result(trials[1]))
    store.path(trials[2]).parent.mkdir()  # as one that was begun has it
    assert store.missing(trials) == [trials[0], trials[2], trials[3]]
    shutil.rmtree(store.folder)
    assert store.missing(trials) == trials


def test_where_weights_are_kept_a_trial_is_done_with_them(store: Store) -> None:
    keeping = Store(store.folder.parent, "sweep", keep_weights=True)
    store.write(result(TRIAL))
    assert (store.has(TRIAL), keeping.has(TRIAL)) == (True, False)
    write_run(keeping.weights, Run(result(TRIAL), {}))
    assert keeping.has(TRIAL)


def test_a_trial_that_its_result_names_word_for_word_is_not_read_again(store: Store) -> None:
    path = store.write(result(TRIAL))
    found = store.read(TRIAL)
    assert found is not None
    assert found.trial is TRIAL
    fields = json.loads(path.read_text())
    path.write_text(json.dumps(fields, indent=1))  # as another program writes it
    other = store.read(TRIAL)
    assert other == found
    assert other is not None
    assert other.trial is not TRIAL
    path.write_text(json.dumps({**fields, "trial": None}))
    with pytest.raises(StoreError, match="is damaged"):
        store.read(TRIAL)


def test_folder_opens_again(store: Store) -> None:
    store.write(result(TRIAL))
    assert Store(store.folder.parent, "sweep").read(TRIAL) == result(TRIAL)


def test_outcomes_keep_the_order_of_the_cells(store: Store) -> None:
    store.write(result(TRIAL))
    missing, there = cells(tiny(seed=1), TRIAL)
    assert store.outcomes([missing, there]) == [(missing, None), (there, result(TRIAL))]


def test_files_can_be_read_by_others(store: Store) -> None:
    assert store.write(result(TRIAL)).stat().st_mode & 0o777 == 0o644


class CrashError(BaseException):
    """The process is gone; no clean-up runs."""


@pytest.fixture
def crash(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that dies once the new file is written, before it takes its place."""

    def die(*_: Any) -> None:
        monkeypatch.undo()
        raise CrashError

    monkeypatch.setattr(Path, "replace", die)


def test_crash_before_the_file_is_in_place(store: Store, request: pytest.FixtureRequest) -> None:
    other = tiny(seed=1)
    store.write(result(TRIAL))
    request.getfixturevalue("crash")
    with pytest.raises(CrashError):
        store.write(result(other, parameters=1))
    assert store.read(TRIAL) == result(TRIAL)
    assert store.read(other) is None
    store.write(result(other, parameters=2))
    assert store.read(other) == result(other, parameters=2)


def test_the_first_result_stays(store: Store) -> None:
    """A runner that was taken for dead may come back with another one."""
    store.write(result(TRIAL, parameters=1))
    store.write(result(TRIAL, parameters=2))
    assert store.read(TRIAL) == result(TRIAL, parameters=1)
    store.path(TRIAL).write_text("{")
    store.write(result(TRIAL, parameters=2))
    assert store.read(TRIAL) == result(TRIAL, parameters=2)


def test_a_folder_that_another_runner_makes_at_the_same_moment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its card comes after this runner looked for one, and a trial's folder before it looks what else is there."""
    foreign = Store._foreign

    def make_first(store: Store) -> bool:
        monkeypatch.undo()
        (Store(tmp_path, "sweep").folder / TRIAL.id).mkdir()
        return foreign(store)

    monkeypatch.setattr(Store, "_foreign", make_first)
    assert not Store(tmp_path, "sweep").has(TRIAL)


@pytest.mark.usefixtures("crash")
def test_crash_while_the_folder_is_settled(tmp_path: Path) -> None:
    with pytest.raises(CrashError):
        Store(tmp_path, "sweep")
    assert len(files(tmp_path)) == 1
    store = Store(tmp_path, "sweep")
    store.write(result(TRIAL))
    assert store.read(TRIAL) == result(TRIAL)


@pytest.mark.parametrize("where", ["fsync", "replace", "mkdir"])
@pytest.mark.parametrize(("number", "reason"), [(errno.ENOSPC, "no space left"), (errno.EIO, "Input/output error")])
def test_full_or_broken_disk(
    store: Store, monkeypatch: pytest.MonkeyPatch, where: str, number: int, reason: str
) -> None:
    store.write(result(TRIAL))
    other = tiny(seed=1)

    def fail(*_: Any, **__: Any) -> None:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patch:
        patch.setattr(os if where == "fsync" else Path, where, fail)
        with pytest.raises(StoreError) as caught:
            store.write(result(other))
    assert str(caught.value) == (
        f"cannot write {store.path(other)}: {reason}; "
        "everything that finished before is kept, and the same command continues from there"
    )
    assert files(store.folder) == sorted(["store.json", f"{TRIAL.id}/result.json"])
    assert store.read(TRIAL) == result(TRIAL)


def test_atomic_write_replaces_whole_files(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "file.txt"
    write_atomically(path, "a longer text")
    write_atomically(path, "é")
    assert path.read_bytes() == "é".encode()
    assert files(tmp_path) == ["deep/file.txt"]


@pytest.mark.parametrize("content", [b"", b"{", b"null", b"{}", b'{"trial": 3}', b"\xff\xfe", b"\x00" * 100])
def test_damaged_result(store: Store, content: bytes) -> None:
    path = store.write(result(TRIAL))
    path.write_bytes(content)
    with pytest.raises(StoreError) as caught:
        store.read(TRIAL)
    assert str(caught.value).startswith(f"{path} is damaged (result: ")
    assert str(caught.value).endswith(f"; set it aside with `rectifiers verify --mend {store.folder}`, and run again")
    assert "\n" not in str(caught.value)


def test_half_a_result(store: Store) -> None:
    path = store.write(result(TRIAL))
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(StoreError, match="is damaged"):
        store.read(TRIAL)


def test_result_of_another_trial(store: Store) -> None:
    path = store.write(result(TRIAL))
    other = tiny(seed=7)
    store.path(other).parent.mkdir()
    path.rename(store.path(other))
    with pytest.raises(StoreError, match=r"holds another trial \(dataset=digits .*\); set it aside with"):
        store.read(other)


@pytest.mark.parametrize("kind", ["folder", "pipe"])
def test_a_result_that_is_a_folder_or_a_pipe_is_named_and_left_out(store: Store, kind: str) -> None:
    """Nobody waits for a pipe."""
    path, whole = store.path(TRIAL), result(tiny(seed=1))
    store.write(whole)
    if kind == "folder":
        path.mkdir(parents=True)
    else:
        path.parent.mkdir()
        os.mkfifo(path)
    says = rf"result\.json is {'a folder' if kind == 'folder' else 'not a regular file'}; set it aside with"
    with pytest.raises(DamagedError, match=says):
        store.read(TRIAL)
    damaged: dict[Trial, DamagedError] = {}
    found = store.outcomes(cells(TRIAL, whole.trial), damaged)
    assert [one for _, one in found] == [None, whole]
    assert list(damaged) == [TRIAL]
    assert str(pickle.loads(pickle.dumps(damaged[TRIAL]))) == str(damaged[TRIAL])
    (problem,) = verify(store.folder, mend=True)
    assert problem.path == path
    assert not store.has(TRIAL)
    assert verify(store.folder) == ()


@pytest.mark.parametrize("name", [CARD, archive.NAME])
@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo])
def test_a_card_or_packed_results_that_are_no_file(store: Store, name: str, make: Callable[[Path], None]) -> None:
    store.write(result())
    (store.folder / name).unlink(missing_ok=True)
    make(store.folder / name)
    with pytest.raises(StoreError, match=r"is damaged|is a folder|is not a regular file"):
        Store(store.folder.parent, store.name).read(tiny(seed=1))
    assert (store.folder / name) in {one.path for one in verify(store.folder, mend=True)}
    assert verify(store.folder) == ()
    assert Store(store.folder.parent, store.name).read(tiny()) == result()


def test_folder_of_something_else(tmp_path: Path) -> None:
    (tmp_path / "sweep").mkdir()
    (tmp_path / "sweep" / "thesis.tex").write_text("x")
    with pytest.raises(StoreError, match="sweep is not empty and holds no results; give another results folder"):
        Store(tmp_path, "sweep")
    assert files(tmp_path) == ["sweep/thesis.tex"]


def test_a_log_alone_is_what_a_deleted_folder_leaves(tmp_path: Path) -> None:
    for name, line in (("ours", "2026-11-29T16:13:37+00:00 here:23629 stopping"), ("theirs", "Dear diary")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "log.txt").write_text(f"{line}\n")
    Store(tmp_path, "ours").write(result())
    with pytest.raises(StoreError, match="theirs is not empty and holds no results"):
        Store(tmp_path, "theirs")


def test_empty_folder_is_taken(tmp_path: Path) -> None:
    (tmp_path / "sweep").mkdir()
    Store(tmp_path, "sweep")
    assert json.loads((tmp_path / "sweep" / "store.json").read_text()) == {"runs": "sweep", "format": FORMAT}


@pytest.mark.parametrize("name", ["sweep", "sweep/deeper"])
def test_file_in_place_of_a_folder(tmp_path: Path, name: str) -> None:
    (tmp_path / "sweep").write_text("x")
    with pytest.raises(StoreError, match="Not a directory; give another results folder"):
        Store(tmp_path, name)


def test_folder_of_another_experiment(store: Store) -> None:
    renamed = store.folder.with_name("other")
    store.folder.rename(renamed)
    with pytest.raises(
        StoreError, match="other holds the runs of 'sweep', not of 'other'; give another results folder"
    ):
        Store(renamed.parent, "other")


def test_folder_of_another_format(store: Store) -> None:
    (store.folder / "store.json").write_text(json.dumps({"runs": "sweep", "format": FORMAT + 1}))
    message = f"was written in format {FORMAT + 1}, this version reads format {FORMAT}; give another results folder"
    with pytest.raises(StoreError, match=message):
        Store(store.folder.parent, "sweep")


@pytest.mark.parametrize("content", [b"", b"[]", b'"sweep"', b'{"runs": "sweep"}', b"\xff\xfe"])
def test_damaged_card(store: Store, content: bytes) -> None:
    (store.folder / "store.json").write_bytes(content)
    with pytest.raises(
        StoreError, match=r"store\.json is damaged; write it anew with `rectifiers verify --mend .*sweep`"
    ):
        Store(store.folder.parent, "sweep")


def test_folder_without_permission(locked: Path) -> None:
    with pytest.raises(StoreError, match=r"cannot write .*store\.json: Permission denied"):
        Store(locked, "sweep")


def test_a_full_disk_is_waited_for_in_a_run(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    real, told, attempts = store_module.write_bytes_atomically, [], []

    def full_twice(path: Path, content: bytes) -> None:
        attempts.append(path)
        if len(attempts) < 3:
            raise store_module.FullError("no space left")
        real(path, content)

    monkeypatch.setattr(store_module, "write_bytes_atomically", full_twice)
    monkeypatch.setattr(pulse, "RETRY", 0.0)
    with pulse.watched(pulse.Pulse(lambda word, value: told.append((word, value)))):
        store.write(result())
    path = store.path(tiny())
    assert told == [("waiting", f"no space left for {path}; it goes on when there is room")] * 2
    assert store.read(tiny()) == result()
    attempts.clear()
    with pytest.raises(store_module.FullError):
        store.write(result(tiny(seed=1)))


def test_a_disk_that_hiccups_gets_three_attempts_in_a_run(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    real, attempts, hiccups = store_module.write_bytes_atomically, [], 2

    def stale(path: Path, content: bytes) -> None:
        attempts.append(path)
        if len(attempts) <= hiccups:
            raise StoreError("stale file handle")
        real(path, content)

    monkeypatch.setattr(store_module, "write_bytes_atomically", stale)
    monkeypatch.setattr(pulse, "RETRY", 0.0)
    with pulse.watched(pulse.Pulse(lambda word, value: None)):
        store.write(result())
        assert store.read(tiny()) == result()
        attempts.clear()
        hiccups = store_module.ATTEMPTS
        with pytest.raises(StoreError, match="stale file handle"):
            store.write(result(tiny(seed=1)))
    assert len(attempts) == store_module.ATTEMPTS


def test_a_folder_that_lost_its_card_is_taken_back(store: Store) -> None:
    store.write(result())
    (store.folder / CARD).unlink()
    again = Store(store.folder.parent, store.name)
    assert again.read(tiny()) == result()
    assert (store.folder / CARD).exists()


def test_a_folder_deleted_in_mid_run_holds_what_came_later(store: Store) -> None:
    shutil.rmtree(store.folder)
    store.write(result())
    assert Store(store.folder.parent, store.name).read(tiny()) == result()


@pytest.mark.parametrize("packed", [False, True])
def test_counts_copies_as_it_finds_each(store: Store, packed: bool) -> None:
    first = tiny()
    results = [result(trial=first.with_seed(seed)) for seed in (0, 3, 4, 9)]
    if packed:
        (store.folder / archive.NAME).write_text(archive.to_jsonl(results), encoding="utf-8")
    else:
        for one in results:
            store.write(one)
    assert store.count(first, 5) == sum(store.has(first.with_seed(seed)) for seed in range(5)) == 3
    assert store.count(tiny(epochs=7), 5) == 0
