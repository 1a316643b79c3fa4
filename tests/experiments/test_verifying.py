"""Damage is named all at once, at every length of a cut file, and mended without losing a result."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from rectifiers.core.errors import StoreError
from rectifiers.experiments import verifying
from rectifiers.experiments.archive import NAME, to_jsonl
from rectifiers.experiments.counting import CARD
from rectifiers.experiments.store import Store
from rectifiers.experiments.verifying import ASIDE, verify
from rectifiers.experiments.weights import Run, write_run

from .samples import result, tiny

TRIALS = [tiny(seed=seed) for seed in range(4)]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(tmp_path, "sweep")
    for trial in TRIALS:
        store.write(result(trial))
    write_run(store.weights, Run(result(TRIALS[0]), {"weight": torch.zeros(3)}))
    return store


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files settle soon."""
    monkeypatch.setattr(verifying, "SETTLE", 0.01)


def test_a_whole_folder(store: Store) -> None:
    assert verify(store.folder) == ()
    assert verify(store.folder, mend=True) == ()


def test_a_folder_of_folders(store: Store) -> None:
    root = store.folder.parent
    assert verify(root) == ()
    next(store.folder.glob("*/result.json")).write_text("{")
    (damage,) = verify(root, mend=True)
    assert damage.path.parent.parent == store.folder
    assert not (root / "store.json").exists()


def test_a_folder_in_a_folder_that_lost_its_card_is_not_passed_over(store: Store) -> None:
    other = Store(store.folder.parent, "other")
    other.write(result(TRIALS[0])).write_text("{")
    (other.folder / CARD).unlink()
    assert [one.path for one in verify(store.folder.parent)] == [other.folder / CARD, other.path(TRIALS[0])]
    assert len(verify(store.folder.parent, mend=True)) == 2
    assert verify(store.folder.parent) == ()


def test_everything_damaged_is_named_at_once_and_mended(store: Store) -> None:
    paths = [store.path(trial) for trial in TRIALS]
    paths[0].write_text("{")
    shutil.copy(paths[3], paths[1])
    weights = store.weights / f"{TRIALS[0].id}.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1])
    left = paths[2].with_name(".result.json.abc")
    left.write_text("half")
    (store.folder / CARD).write_text("[]")
    named = verify(store.folder)
    assert [one.path for one in named] == [store.folder / CARD, *sorted(paths[:2]), weights, left]
    assert all("mend it with `rectifiers verify --mend`" in str(one) for one in named)
    assert [one.path for one in verify(store.folder, mend=True)] == [one.path for one in named]
    assert verify(store.folder) == ()
    assert paths[0].with_name(f"result.json{ASIDE}").read_text() == "{"
    again = Store(store.folder.parent, store.name)
    assert [again.has(trial) for trial in TRIALS] == [False, False, True, True]


@pytest.mark.parametrize("mend", [False, True])
def test_what_another_process_is_writing_is_left_alone(
    store: Store, monkeypatch: pytest.MonkeyPatch, mend: bool
) -> None:
    done, going, left = (store.path(trial).with_name(".result.json.abc") for trial in TRIALS[:3])
    for path in (done, going, left):
        path.write_text("half")

    def write_on(seconds: float) -> None:
        store.path(TRIALS[0]).write_bytes(store.path(TRIALS[0]).read_bytes())
        done.unlink()
        going.write_text("half and more")

    monkeypatch.setattr("time.sleep", write_on)
    assert [one.path for one in verify(store.folder, mend=mend)] == [left]
    assert (going.exists(), left.exists()) == (True, not mend)


def cut(path: Path, check: Callable[[int], None], *, first: int = 0) -> None:
    """Cut a file at every length, and check each."""
    whole = path.read_bytes()
    for length in range(first, len(whole)):
        path.write_bytes(whole[:length])
        check(length)
    path.write_bytes(whole)


def test_a_result_cut_at_any_length_is_never_read(store: Store) -> None:
    path = store.path(TRIALS[0])
    # Without its last character, the end of the line, it is whole.
    whole = path.read_bytes().rstrip()
    path.write_bytes(whole)

    def check(length: int) -> None:
        assert [one.path for one in verify(store.folder)] == [path]
        with pytest.raises(StoreError, match="is damaged"):
            store.read(TRIALS[0])

    cut(path, check, first=len(whole) - 60)
    for length in range(0, len(whole) - 60, 29):
        path.write_bytes(whole[:length])
        check(length)


def test_weights_cut_at_any_length_are_named(store: Store) -> None:
    path = store.weights / f"{TRIALS[0].id}.safetensors"
    whole = path.read_bytes()
    for length in [*range(0, len(whole), 37), *range(len(whole) - 20, len(whole))]:
        path.write_bytes(whole[:length])
        assert [one.path for one in verify(store.folder)] == [path], length


def test_a_card_cut_at_any_length_is_written_anew(store: Store) -> None:
    card = store.folder / CARD
    whole = card.read_bytes()
    for length in range(len(whole) - 1):
        card.write_bytes(whole[:length])
        assert [one.path for one in verify(store.folder, mend=True)] == [card]
        assert json.loads(card.read_bytes()) == json.loads(whole)


def test_a_lost_card_is_written_anew_beside_files_of_the_users(store: Store) -> None:
    (store.folder / CARD).unlink()
    (store.folder / "notes.txt").write_text("x")
    with pytest.raises(StoreError, match=r"sweep holds results and other files, but no store.json; write it anew with"):
        Store(store.folder.parent, store.name)
    assert [one.problem for one in verify(store.folder, mend=True)] == ["is missing"]
    assert Store(store.folder.parent, store.name).missing(TRIALS) == []


def test_a_folder_that_was_renamed(store: Store) -> None:
    moved = store.folder.rename(store.folder.with_name("before"))
    (damage,) = verify(moved)
    assert damage.problem == "says that these are the runs of 'sweep', and the folder has another name"
    verify(moved, mend=True)
    assert verify(moved) == ()
    assert Store(moved.parent, "before").missing(TRIALS) == []


def test_the_working_directory_has_a_name(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(store.folder)
    assert verify(".", mend=True) == ()
    Path(CARD).unlink()
    assert [str(one.path) for one in verify(".", mend=True)] == [CARD]
    assert Store(store.folder.parent, store.name).missing(TRIALS) == []


def test_packed_results_are_checked_line_by_line(store: Store) -> None:
    packed = store.folder / NAME
    packed.write_text(to_jsonl(result(trial) for trial in TRIALS)[:-10] + "\n{}")
    problems = [str(one) for one in verify(store.folder)]
    assert len(problems) == 3
    assert "breaks off in its last line" in problems[0]
    assert "line 4 is damaged" in problems[1]
    assert "line 5 is damaged" in problems[2]


def test_packed_results_that_are_cut_at_the_end_of_a_line_are_named(store: Store) -> None:
    packed = store.folder / NAME
    packed.write_text(to_jsonl(result(trial) for trial in TRIALS))
    assert [damage for damage in verify(store.folder) if damage.path == packed] == []
    packed.write_bytes(b"".join(packed.read_bytes().splitlines(keepends=True)[:-1]))
    (damage,) = (damage for damage in verify(store.folder) if damage.path == packed)
    assert f"{len(TRIALS) - 1} of {len(TRIALS)} results are there" in str(damage)


def test_folders_that_are_none_of_ours(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="there are no runs in"):
        verify(tmp_path / "nowhere")
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "cat.png").write_text("")
    for mend in (False, True):
        with pytest.raises(StoreError, match="there are no runs in"):
            verify(tmp_path / "photos", mend=mend)
    assert [path.name for path in (tmp_path / "photos").iterdir()] == ["cat.png"]


def test_a_folder_of_another_version_stays_as_it_is(store: Store) -> None:
    card = store.folder / CARD
    card.write_text(json.dumps({"runs": "sweep", "format": 99}))
    (one,) = verify(store.folder, mend=True)
    assert str(one) == f"{card}: was written in format 99; this version reads format 1"
