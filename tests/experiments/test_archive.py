"""Packed results: read like the folders they came from, without curves and traces."""

from __future__ import annotations

from pathlib import Path

import pytest

from rectifiers.core.errors import StoreError
from rectifiers.experiments import archive
from rectifiers.experiments.result import Shape, Trajectory
from rectifiers.experiments.store import Store

from .samples import result, tiny

FIRST, SECOND, THIRD = (tiny(seed=seed) for seed in range(3))


def pack(folder: Path, text: str) -> Store:
    store = Store(folder, "sweep")
    (store.folder / archive.NAME).write_text(text, encoding="utf-8")
    return store


def test_packed_results_are_read_like_folders(tmp_path: Path) -> None:
    store = pack(tmp_path, archive.to_jsonl([result(FIRST), result(SECOND)]))
    assert store.read(FIRST) == result(FIRST)
    assert store.has(SECOND)
    assert not store.has(THIRD)
    assert store.read(THIRD) is None


def test_a_folder_of_its_own_goes_before_the_packed_result(tmp_path: Path) -> None:
    store = pack(tmp_path, archive.to_jsonl([result(FIRST, provenance={"torch": "old"})]))
    store.write(result(FIRST, provenance={"torch": "new"}))
    found = store.read(FIRST)
    assert found is not None
    assert found.provenance == {"torch": "new"}


def test_curves_and_traces_stay_behind(tmp_path: Path) -> None:
    shape = Shape(layer="1", x=[0.0], before=[0.0], after=[0.0], after_low=[0.0], after_high=[0.0])
    full = result(FIRST).model_copy(
        update={"shapes": [shape], "trace": Trajectory(steps=[0], values={"1.alpha": [0.9]})}
    )
    assert pack(tmp_path, archive.to_jsonl([full])).read(FIRST) == result(FIRST)


def test_a_damaged_line_is_named(tmp_path: Path) -> None:
    store = pack(tmp_path, archive.to_jsonl([result(FIRST)]) + '{"format": 1}\n')
    with pytest.raises(StoreError, match=r"results\.jsonl, line 2 is damaged \(result: trial: is required"):
        store.has(FIRST)


def test_a_file_that_is_cut_at_the_end_of_a_line_is_no_smaller_sweep(tmp_path: Path) -> None:
    lines = archive.to_jsonl([result(FIRST), result(SECOND), result(THIRD)]).splitlines(keepends=True)
    for kept in (1, 2):
        with pytest.raises(StoreError, match=rf"results.jsonl is cut off: {kept} of 3 results are there; restore it"):
            pack(tmp_path / str(kept), "".join(lines[:kept])).has(FIRST)
    assert pack(tmp_path / "whole", "".join(lines)).has(THIRD)
    joined = archive.to_jsonl([result(FIRST)]) + archive.to_jsonl([result(SECOND), result(THIRD)])
    assert pack(tmp_path / "joined", joined).has(THIRD)
    earlier = result(FIRST).model_dump_json() + "\n"
    assert pack(tmp_path / "earlier", earlier).has(FIRST)
