"""One trial in several processes: what one process would give, kept and continued by any number of them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from rectifiers.core.errors import ConfigError
from rectifiers.experiments import together as module
from rectifiers.experiments.checkpointing import VARIABLE
from rectifiers.experiments.leases import Leases
from rectifiers.experiments.result import Result
from rectifiers.experiments.run_trial import run_trial
from rectifiers.experiments.runner import StoppedError, TimeUpError
from rectifiers.experiments.store import Store, checkpoints_folder
from rectifiers.experiments.together import check_parallel, run_together
from rectifiers.experiments.trial import Trial
from rectifiers.experiments.weights import read_run
from rectifiers.training.group import current
from rectifiers.training.record import Recorder

from ..training.processes import in_processes
from .samples import cells, tiny

BASE: dict[str, Any] = {"epochs": 2, "momentum": 0.9, "validation": 0.2, "augment": ("rotate:15",), "batch_size": 15}


def same_within_rounding(one: Result, other: Result) -> None:
    assert [epoch.test_score for epoch in one.epochs] == [epoch.test_score for epoch in other.epochs]
    for a, b in zip(one.epochs, other.epochs, strict=True):
        assert a.train_loss == pytest.approx(b.train_loss, rel=1e-5)
        assert a.test_loss == pytest.approx(b.test_loss, rel=1e-5)
        assert a.validation_loss == pytest.approx(b.validation_loss, rel=1e-5)
        assert a.train_score == b.train_score


def run_here(root: Path, trials: list[Trial]) -> None:
    run_together(cells(*trials), Store(root, "sweep", keep_weights=True))


def run_until_step(root: Path, trials: list[Trial], last: int) -> None:
    """Let the second process hear a signal after so many steps."""
    record = Recorder.__call__

    def stop(self: Recorder, step: int) -> None:
        record(self, step)
        if step == last and current().rank == 1:
            os.kill(os.getpid(), signal.SIGTERM)

    Recorder.__call__ = stop  # type: ignore[method-assign]
    with pytest.raises(StoppedError):
        run_here(root, trials)


@pytest.mark.slow
@pytest.mark.parametrize("parallel", ["ddp", "fsdp"])
def test_a_trial_is_that_of_one_process(parallel: str, tmp_path: Path) -> None:
    """With what it starts from, in batches that are not divided evenly."""
    start = tiny(**BASE, parallel=parallel)
    trials = [start, tiny(**BASE, parallel=parallel, start=start, accumulate=2, seed=1)]
    trials += [tiny(**BASE, parallel=parallel, mixup=0.2, precision="bfloat16")]
    in_processes(2, run_here, tmp_path, trials)
    store = Store(tmp_path, "sweep", keep_weights=True)
    for trial in trials:
        found, alone = store.read(trial), run_trial(trial)
        assert found is not None
        assert (found.provenance["processes"], alone.provenance["processes"]) == ("2", "1")
        if trial.precision == "float32":
            same_within_rounding(found, alone)
        else:
            assert found.epochs[-1].train_loss == pytest.approx(alone.epochs[-1].train_loss, rel=0.02)
        assert read_run(store.weights, trial) is not None
    assert not list(store.folder.glob(".leases/*"))


@pytest.mark.slow
@pytest.mark.parametrize("parallel", ["ddp", "fsdp"])
def test_any_number_of_processes_goes_on(parallel: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two processes are stopped, three go on, and one ends: within an epoch, with the sums of all so far."""
    monkeypatch.setenv(VARIABLE, "0")
    trial = tiny(**BASE, parallel=parallel)
    expected = run_trial(trial)
    in_processes(2, run_until_step, tmp_path, [trial], 2)
    store = Store(tmp_path, "sweep", keep_weights=True)
    folder = checkpoints_folder(store.folder, trial)
    assert sorted(path.stem for path in folder.glob("*.json"))[-1] == f"{2:012d}"
    in_processes(3, run_until_step, tmp_path, [trial], 6)
    assert sorted(path.stem for path in folder.glob("*.json"))[-1] == f"{6:012d}"
    if parallel == "ddp":
        found = run_trial(trial, weights=store.weights)
    else:
        in_processes(2, run_here, tmp_path, [trial])
        found = store.read(trial)
    assert found.provenance["resumed"] == "after step 6"
    same_within_rounding(found, expected)


def run_until_time_is_up(root: Path, trials: list[Trial]) -> None:
    """The second process finds that it is after two steps."""
    record = Recorder.__call__
    hours = 0.0

    def wait(self: Recorder, step: int) -> None:
        nonlocal hours
        record(self, step)
        hours = float(step == 2 and current().rank == 1)

    Recorder.__call__ = wait  # type: ignore[method-assign]
    module.time = SimpleNamespace(monotonic=lambda: 3600 * hours, sleep=time.sleep)  # type: ignore[assignment]
    with pytest.raises(TimeUpError):
        run_together(cells(*trials), Store(root, "sweep"), time_limit=1800)


def run_beside_another(root: Path, trial: Trial) -> None:
    """A runner that holds the trial gives it back a second later."""
    store = Store(root, "sweep")
    with ExitStack() as stack:
        if os.environ["RANK"] == "0":
            other = stack.enter_context(Leases(store.folder))
            assert other.take(trial)
        assert run_together(cells(trial), store, patient=False).done == 0
        if os.environ["RANK"] == "0":
            threading.Timer(1, other.release, [trial]).start()
        assert run_together(cells(trial), store).done == 1


@pytest.mark.slow
def test_a_time_limit_stops_all_processes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "0")
    trial = tiny(**BASE, parallel="ddp")
    in_processes(2, run_until_time_is_up, tmp_path, [trial])
    store = Store(tmp_path, "sweep")
    assert any(checkpoints_folder(store.folder, trial).glob("*.json"))
    assert not list(store.folder.glob(".leases/*"))


@pytest.mark.slow
def test_what_another_runner_holds_is_waited_for(tmp_path: Path) -> None:
    in_processes(2, run_beside_another, tmp_path, tiny(parallel="ddp"))


def test_trials_have_to_say_how_they_are_divided() -> None:
    check_parallel([tiny(parallel="ddp")])
    with pytest.raises(ConfigError, match="set parallel to ddp or fsdp"):
        check_parallel([tiny(parallel="ddp", start=tiny())])


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"parallel": "ddp", "compile": True}, "leave out compile"),
        ({"parallel": "ddp", "class_weights": "balanced"}, "leave out class_weights"),
        ({"parallel": "ddp", "l2_init": 0.1}, "leave out l2_init"),
        ({"parallel": "fsdp", "ema": 0.9}, "use parallel='ddp'"),
    ],
)
def test_what_needs_one_process(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        tiny(**settings)


Start = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def torchrun(tmp_path: Path) -> Start:
    def call(*arguments: str) -> subprocess.CompletedProcess[str]:
        starter = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
        command = [*starter, "-m", "rectifiers", *arguments]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=400)

    return call


@pytest.mark.slow
def test_the_command_line_under_torchrun(torchrun: Start, tmp_path: Path) -> None:
    smoke = ("run", "quickstart", "--preset", "smoke", "--set", "train_size=64", "--set", "epochs=1")
    done = torchrun(*smoke, "--set", "parallel=ddp")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("6 of 6 runs finished.") == 1
    assert done.stdout.count("Report: ") == 1
    assert len(list(tmp_path.glob("runs/quickstart/*/result.json"))) == 6
    refused = torchrun(*smoke, "--results", "others")
    assert refused.returncode != 0
    assert "set parallel to ddp or fsdp (--set parallel=ddp)" in refused.stderr
