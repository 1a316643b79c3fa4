"""`rectifiers plan`: counts, measured times and memory, what is missing, and nothing written."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from rectifiers import lab
from rectifiers.datasets.dataset import Dataset
from rectifiers.experiments import cost
from rectifiers.experiments.trial import Trial
from rectifiers.kernels import dispatch, library
from rectifiers.lab import planning
from rectifiers.training.loop import fit
from rectifiers.training.metrics import Epoch

from .conftest import Cli


def test_counts_and_measures(cli: Cli) -> None:
    plan = json.loads(cli("plan", "quickstart", "--workers", "2", "--json").out)
    assert plan["preset"] == "pocket"
    assert (plan["trainings"], plan["done"], plan["to_do"], plan["workers"]) == (40, 0, 40, 2)
    assert plan["data"] == [{"name": "digits", "ready": True, "missing": [], "advice": "", "gigabytes": None}]
    assert {cost["activation"] for cost in plan["costs"]} >= {"relu", "arelu", "pvlu"}
    assert all(cost["step_seconds"] > 0 for cost in plan["costs"])
    total = sum(cost["training_seconds"] * cost["trainings"] for cost in plan["costs"])
    assert abs(plan["seconds"] - total / 2) < 1e-6


def test_measures_the_formulas_that_trials_run_under(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    served = []

    def watched(*args: Any, **options: Any) -> Iterator[Epoch]:
        served.append(dispatch.serves("two_slopes", torch.zeros(1)))
        return fit(*args, **options)

    monkeypatch.setattr(cost, "fit", watched)
    for kernels in ("reference", "cpu") if library.state(warn=False).formulas else ("reference",):
        served.clear()
        told = cli("plan", "quickstart", "--preset", "smoke", "--kernels", kernels)
        assert f"kernels    {kernels}, as chosen" in told.out
        assert set(served) == {kernels == "cpu"}


def test_a_time_limit_leaves_kinds_unmeasured(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    measured: list[str] = []

    def measure(trial: Trial, data: Dataset) -> cost.Speed:
        measured.append(trial.activation)
        return cost.Speed(step=0.1 * len(measured), image=0.001, batch=trial.batch_size)

    monkeypatch.setattr(cost, "measure_speed", measure)
    monkeypatch.setattr(planning, "PATIENCE", 0.0)
    plan = lab.plan("quickstart", workers=2, results="nowhere", limit=0.0)
    assert (len(measured), plan.guessed, len(plan.costs)) == (1, 7, 8)
    assert {one.step_seconds for one in plan.costs} == {0.1}
    assert "7 kinds of run not measured within the time limit, and taken for the slowest that were" in str(plan)
    assert capsys.readouterr().err.startswith(f"measuring kind 1 of 8: digits-conv on digits with {measured[0]}")
    assert lab.plan("quickstart", results="nowhere").guessed == 0


def test_what_is_only_counted_is_not_trained(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    epochs = []

    def watched(*args: Any, **options: Any) -> Iterator[Epoch]:
        epochs.append(options["epochs"])
        return fit(*args, **options)

    monkeypatch.setattr(cost, "fit", watched)
    options = ("--set", "epochs=0", "--set", "trace_points=0")
    plan = cli("plan", "quickstart", "--preset", "smoke", *options).out
    assert set(epochs) == {0}
    assert "digits-conv on digits: nothing is trained, " in plan


def test_in_words(cli: Cli) -> None:
    outcome = cli("plan", "quickstart", "--preset", "smoke")
    assert outcome.code == 0
    assert "preset smoke" in outcome.out
    assert "runs       6: 0 done, 6 to do" in outcome.out
    assert "digits-conv on digits" in outcome.out
    assert "time       about" in outcome.out


def test_missing_data_are_named_and_noise_of_their_shape_is_measured(cli: Cli) -> None:
    outcome = cli("plan", "arelu/figure2", "--preset", "smoke")
    assert outcome.code == 0
    assert "4: 0 done, 4 to do" in outcome.out
    assert "mnist, 0.012 GB: missing train-images-idx3-ubyte.gz" in outcome.out
    assert "--download" in outcome.out
    assert "mnist-conv on mnist" in outcome.out
    assert "on noise of the same shape" in outcome.out
    assert "deviations and assumptions" in outcome.out


def test_data_of_unknown_size_are_not_measured(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(
        'name = "mine"\nrows = ["relu", "prelu"]\n[settings]\n'
        'network = "resnet-18"\ndataset = "pictures:nowhere"\nlr = 0.1\nepochs = 1\n'
    )
    outcome = cli("plan", "mine.toml")
    assert outcome.code == 0
    assert "time       can be measured when the data are there" in outcome.out


def test_what_runs_start_from_counts(cli: Cli) -> None:
    plan = json.loads(cli("plan", "pvlu/vgg-blurred", "--preset", "smoke", "--json").out)
    assert (plan["trainings"], plan["started_from"]) == (4, 2)
    assert sum(cost["trainings"] for cost in plan["costs"]) == 6


def test_writes_nothing(cli: Cli, tmp_path: Path) -> None:
    cli("plan", "quickstart", "--preset", "smoke")
    assert list(tmp_path.iterdir()) == []


def test_unknown_preset(refused: Callable[..., str]) -> None:
    assert "did you mean pocket" in refused("plan", "quickstart", "--preset", "poket")


def test_batches_that_do_not_fit_into_memory_are_halved_and_say_so(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    measured = cost._measure

    def small(trial: Trial, data: Dataset, batch: int) -> tuple[float, float]:
        if batch > 16:
            torch.empty(2**62, dtype=torch.uint8)
        step, image = measured(trial, data, batch)
        assert step > 0
        return 1.0, image

    monkeypatch.setattr(cost, "_measure", small)
    settings = ["quickstart", "--preset", "smoke", "--set", "batch_size=64"]
    plan = json.loads(cli("plan", *settings, "--json").out)
    assert {(one["measured_batch"], one["step_seconds"]) for one in plan["costs"]} == {(16, 4.0)}
    assert "64 examples at a time do not fit here, nor would they in a run; measured on 16" in " ".join(
        cli("plan", *settings).out.split()
    )
