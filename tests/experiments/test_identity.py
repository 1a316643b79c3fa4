"""Data at a path are known by content: equal files make equal trials, replaced ones make others."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import numpy as np
import pytest

from rectifiers import datasets, lab
from rectifiers.core.errors import DataError
from rectifiers.experiments.identity import identify
from rectifiers.experiments.run_trial import run_trial
from rectifiers.experiments.store import Store, _log_once
from rectifiers.experiments.trial import Trial

from .samples import tiny


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    _log_once.cache_clear()


def write(path: Path, seed: int = 0) -> Path:
    """Arrays of noise that digits-conv takes."""
    draw = np.random.default_rng(seed)
    parts = {"train": 40, "test": 20}
    arrays = {f"x_{part}": draw.integers(0, 256, (count, 8, 8), dtype="uint8") for part, count in parts.items()}
    labels = {f"y_{part}": np.arange(count) % 2 for part, count in parts.items()}
    path.parent.mkdir(exist_ok=True, parents=True)
    np.savez(path, **arrays, **labels)
    return path


def of(path: Path | str, **changes: object) -> Trial:
    return identify(tiny(dataset=f"npz:{path}", train_size=None, **changes))


def test_equal_files_make_equal_trials_wherever_they_lie(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here, there = of(write(tmp_path / "a.npz")), of(write(tmp_path / "b" / "c.npz"))
    assert here.id == there.id
    assert here == there
    assert hash(here) == hash(there)
    assert here != of(write(tmp_path / "d.npz", seed=1))
    monkeypatch.chdir(tmp_path / "b")
    assert of("c.npz") == here
    assert here != tiny()


def test_starts_are_told_apart_too(tmp_path: Path) -> None:
    start = {"dataset": f"npz:{write(tmp_path / 'a.npz')}", "network": "digits-conv", "activation": "relu", "lr": 0.1}
    first = identify(tiny(start=start))
    write(tmp_path / "a.npz", seed=1)
    second = identify(tiny(start=start))
    assert first.id != second.id
    assert first.start is not None
    assert first.start.data_digest is not None
    moved = identify(tiny(start=start | {"dataset": f"npz:{write(tmp_path / 'b.npz')}"}))
    assert moved.id == first.id


def test_named_data_sets_keep_their_trials() -> None:
    assert identify(trial := tiny(start=dict(tiny().settings))) is trial
    assert tiny().id == f"{tiny().undigested.id}"


def test_results_of_one_place_are_found_from_another(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    for folder in ("a", "b"):
        write(tmp_path / folder / "data.npz")
    made = [
        lab.experiment(
            ["relu"],
            dataset=f"npz:{tmp_path / folder / 'data.npz'}",
            network="digits-conv",
            lr=0.1,
            seeds=1,
            # The cache of this module is empty; other kernels would be compiled.
            kernels="reference",
        )
        for folder in ("a", "b")
    ]
    assert lab.run(made[0], workers=1, results=runs, progress=False).table.missing == 0
    assert len(lab.open(made[1], results=runs).done()) == 1
    write(tmp_path / "b" / "data.npz", seed=1)
    assert len(lab.open(made[1], results=runs).done()) == 0


def test_data_that_change_under_a_run_are_refused(tmp_path: Path) -> None:
    trial = of(write(tmp_path / "a.npz"))
    write(tmp_path / "a.npz", seed=1)
    with pytest.raises(DataError, match=r"the data of npz:.* have changed since this trial was planned"):
        run_trial(trial)


def test_data_that_changed_between_runs_of_a_process_are_loaded_again(tmp_path: Path) -> None:
    found = []
    for seed in (0, 1):
        trial = of(write(tmp_path / "a.npz", seed=seed))
        found.append(run_trial(trial).provenance["data"].rpartition(" ")[2])
        loaded = datasets.load(trial.dataset)
        assert found[-1] == datasets.digest(loaded)
        assert datasets.load(trial.dataset) is loaded
    assert found[0] != found[1]


def test_results_from_before_digests_count_while_the_data_are_the_same(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = write(tmp_path / "a.npz")
    trial = of(file)
    store = Store(tmp_path, "sweep")
    store.write(run_trial(trial.undigested))
    assert not store.path(trial).exists()
    assert store.has(trial)
    kept = store.read(trial)
    assert kept is not None
    assert kept.trial == trial
    write(file, seed=1)
    os.utime(file, (1, 1))
    with caplog.at_level(logging.WARNING):
        assert store.read(of(file)) is None
        assert not store.has(of(file))
    assert [record.message for record in caplog.records] == [
        f"{store.folder}: results of npz:{file} as it was before are not counted; its files changed"
    ]


def test_digests_are_no_settings_of_a_user() -> None:
    for name in ("data_digest", "network_digest"):
        with pytest.raises(LookupError, match=f"unknown setting '{name}'"):
            lab.open("quickstart", settings={name: "0" * 16})
