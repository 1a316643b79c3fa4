"""Trainings that are killed, at any moment, and go on: the same bits as if nothing had happened."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from rectifiers import datasets
from rectifiers.core.errors import ConfigError
from rectifiers.experiments.checkpointing import VARIABLE, open_checkpoints
from rectifiers.experiments.compare.references import refer
from rectifiers.experiments.compare.trial import OwnTrial
from rectifiers.experiments.run_trial import run_afresh, run_once, run_trial
from rectifiers.experiments.store import Store, checkpoints_folder
from rectifiers.experiments.trial import Trial
from rectifiers.experiments.weights import Run

from .compare.samples import make_model, tensors
from .samples import TINY, outcome, tiny

BASE: dict[str, Any] = {"epochs": 3, "train_size": 120, "batch_size": 16, "trace_points": 2, "validation": 0.2}

CASES: dict[str, dict[str, Any]] = {
    "sgd": {},
    "momentum": {"momentum": 0.9, "weight_decay": 1e-3, "activation_lr": 0.01},
    "nesterov": {"momentum": 0.9, "nesterov": True, "milestones": (1, 2)},
    "adam": {"optimizer": "adam", "lr": 1e-3, "warmup_epochs": 2},
    "adamw": {"optimizer": "adamw", "lr": 1e-3, "schedule": "cosine"},
    "rmsprop": {"optimizer": "rmsprop", "lr": 1e-3, "momentum": 0.5, "schedule": "one-cycle"},
    "noise": {"activation": "rrelu", "momentum": 0.9},
    "augmentation": {"augment": ("crop:1", "flip", "rotate:15", "cutout:2")},
    "mixing": {"mixup": 0.2, "cutmix": 1.0, "label_smoothing": 0.1},
    "average": {"ema": 0.9, "momentum": 0.9},
    "accumulation": {"accumulate": 3, "clip_norm": 0.5},
    "float16": {"precision": "float16", "optimizer": "adam", "lr": 1e-3},
    "early end": {"lr": 1e-9, "epochs": 9, "patience": 2},
    "channels": {"activation": "prelu", "activation_args": {"share": "channel"}, "momentum": 0.9},
    "start": {"start": {**TINY, "epochs": 2}, "trained": "activations"},
    "folds": {"validation": 0.0, "folds": 3, "seed": 5},
}


class Killed(BaseException):
    """Ends a training in the middle of anything, as SIGKILL does."""


def killed_after(calls: int, trial: Trial, runs: Path) -> Run | None:
    """The run of a trial whose process is killed in the so many-th call of its first layer; None if it was."""
    left = [calls]

    def count(module: nn.Module, *_: Any) -> None:
        if getattr(module, "in_channels", getattr(module, "in_features", 0)) in (1, 6):
            left[0] -= 1
            if left[0] == 0:
                raise Killed

    hook = nn.modules.module.register_module_forward_hook(count)
    try:
        return run_afresh(trial, weights=runs / "weights")
    except Killed:
        return None
    finally:
        hook.remove()


def same(one: Run, two: Run) -> None:
    assert outcome(one.result) == outcome(two.result)
    for name, weight in one.weights.items():
        assert torch.equal(weight, two.weights[name]), name


@pytest.mark.parametrize("case", CASES)
def test_killed_at_random_and_resumed_is_uninterrupted(
    case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A checkpoint after each step, and a kill after a few more calls, in training or evaluation, till it is done."""
    monkeypatch.setenv(VARIABLE, "0")
    trial = tiny(**{**BASE, **CASES[case]})
    expected = run_afresh(trial)
    chance, kills = random.Random(case), 0
    while (run := killed_after(chance.randint(4, 12), trial, tmp_path)) is None:
        kills += 1
        torch.rand(chance.randint(1, 9))
        assert kills < 100
    assert kills >= 2
    same(run, expected)
    assert run.result.provenance["resumed"].startswith("after step ")
    assert "resumed" not in expected.result.provenance


def test_a_model_and_a_loader_of_a_users_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With dropout, and a loader that shuffles by itself."""
    monkeypatch.setenv(VARIABLE, "0")
    loader = DataLoader(TensorDataset(*tensors()), 16, shuffle=True)
    trial = OwnTrial.create(network=refer(make_model), dataset=refer(loader), epochs=3, momentum=0.9, validation=0.2)
    expected = run_afresh(trial)
    kills = 0
    while (run := killed_after(11, trial, tmp_path)) is None:
        kills += 1
        assert kills < 100
    assert kills >= 2
    same(run, expected)


def test_steps_since_the_last_checkpoint_are_done_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only every third step is kept."""
    from rectifiers.training.checkpoints import Checkpoints

    monkeypatch.setenv(VARIABLE, "0")
    due = iter(range(1000))
    monkeypatch.setattr(Checkpoints, "is_due", lambda self: next(due) % 3 == 2)
    trial = tiny(**BASE, momentum=0.9, activation="rrelu", augment=("rotate:15",))
    expected = run_afresh(trial)
    kills = 0
    while (run := killed_after(13, trial, tmp_path)) is None:
        kills += 1
    assert kills >= 1
    same(run, expected)


def test_a_step_that_stops_the_training_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a signal does, without waiting for the minutes to pass."""
    from rectifiers.training.record import Recorder

    trial = tiny(**BASE, momentum=0.9)
    expected = run_afresh(trial)
    record = Recorder.__call__

    def stop(self: Recorder, step: int) -> None:
        record(self, step)
        if step == 8:
            raise Killed

    monkeypatch.setattr(Recorder, "__call__", stop)
    with pytest.raises(Killed):
        run_afresh(trial, weights=tmp_path / "weights")
    monkeypatch.setattr(Recorder, "__call__", record)
    assert len(list(checkpoints_folder(tmp_path, trial).glob("*.safetensors"))) == 1
    run = run_afresh(trial, weights=tmp_path / "weights")
    assert run.result.provenance["resumed"] == "after step 8"
    same(run, expected)


def test_they_go_when_the_result_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "0")
    store = Store(tmp_path, "mine")
    trial = tiny(**BASE)
    result = run_trial(trial, weights=store.weights)
    assert checkpoints_folder(store.folder, trial).is_dir()
    assert not store.has(trial)
    store.write(result)
    assert [path.name for path in store.path(trial).parent.iterdir()] == ["result.json"]


def test_they_go_when_the_weights_of_a_start_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "0")
    run_once(tiny(**BASE), weights=tmp_path / "weights")
    assert [path.name for path in tmp_path.iterdir()] == ["weights"]


def test_a_damaged_one_is_said_in_the_result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "0")
    trial = tiny(**BASE, momentum=0.9)
    expected = run_afresh(trial)
    assert killed_after(6, trial, tmp_path) is None
    *_, before, last = sorted(checkpoints_folder(tmp_path, trial).glob("*.safetensors"))
    last.write_bytes(last.read_bytes()[:-1])
    run = run_afresh(trial, weights=tmp_path / "weights")
    same(run, expected)
    assert run.result.provenance["resumed"] == f"after step {int(before.stem)}; checkpoint {last.stem} is damaged"


def test_those_of_other_data_are_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "0")
    trial = tiny(**BASE)
    assert killed_after(5, trial, tmp_path) is None
    content = datasets.digest(datasets.load("digits"))
    for given, used in ((content, True), ("other", False)):
        checkpoints = open_checkpoints(tmp_path / "weights", trial, given)
        assert checkpoints is not None
        assert checkpoints.resume({}) == used


@pytest.mark.parametrize("text", ["often", "-1", "nan", "inf"])
def test_minutes_that_are_none(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, text)
    with pytest.raises(ConfigError, match=f"{VARIABLE} must be a number of minutes, 0 for each step, got '{text}'"):
        run_trial(tiny(), weights=tmp_path / "weights")
