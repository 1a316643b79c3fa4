"""`rectifiers plan`: counts, measured times and memory, what is missing, and nothing written."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from rectifiers import datasets, lab
from rectifiers.datasets.dataset import Dataset
from rectifiers.experiments import cost
from rectifiers.experiments.network import build_network
from rectifiers.experiments.sizes import size_of_checkpoints, size_of_result
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
    assert total / 2 <= plan["seconds"] <= total / 2 + max(cost["training_seconds"] for cost in plan["costs"])


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


def test_says_what_it_takes_on_many_workers(cli: Cli) -> None:
    """Times by the makespan, memory and checkpoints by the worker, money by the hour; no more workers than runs."""
    arguments = ("plan", "quickstart", "--preset", "smoke", "--workers", "1,2,64,1000", "--price", "3600")
    plan = json.loads(cli(*arguments, "--json").out)
    one, two, six = plan["scales"]
    assert [scale["workers"] for scale in (one, two, six)] == [1, 2, 6]
    assert (plan["workers"], plan["seconds"]) == (1, one["seconds"])
    total = sum(cost["training_seconds"] * cost["trainings"] for cost in plan["costs"])
    assert one["seconds"] == pytest.approx(total)
    assert six["seconds"] >= max(cost["training_seconds"] for cost in plan["costs"])
    # Where the runs divide evenly, sums differ in their last digit alone.
    assert total / 2 * (1 - 1e-12) <= two["seconds"] < one["seconds"]
    for scale in (one, two, six):
        assert scale["worker_hours"] == pytest.approx(scale["workers"] * scale["seconds"] / 3600)
        assert scale["price"] == pytest.approx(3600 * scale["worker_hours"])
        assert scale["memory_gigabytes"] == pytest.approx(scale["workers"] * one["memory_gigabytes"], rel=0.1)
    assert two["disk_gigabytes"] > one["disk_gigabytes"]
    told = cli(*arguments).out
    assert re.search(r"^takes      1 worker: .* worker-hours, .*B of memory, .*B on disk, a price of ", told, re.M)
    assert "           6 workers: " in told


@pytest.mark.parametrize(
    ("option", "value", "reason"),
    [
        ("--workers", "1,,2", "--workers must be a whole number, got ''"),
        ("--workers", "4,0", "--workers must be at least 1, got 0"),
        ("--price", "much", "--price must be a number such as 2.10, got 'much'"),
        ("--price", "nan", "price must be what an hour of one worker costs, 0 or more, got nan"),
    ],
)
def test_what_is_no_number_of_workers_or_price(
    refused: Callable[..., str], option: str, value: str, reason: str
) -> None:
    assert reason in refused("plan", "quickstart", option, value)


def test_a_result_is_about_as_large_as_said(finished: Path) -> None:
    selection = lab.open("quickstart", preset="smoke", results=finished)
    for trial in selection.trials:
        kept = (selection.folder / trial.id / "result.json").stat().st_size
        found = cost.measure_speed(trial, datasets.load(trial.dataset))
        assert kept / 1.5 < size_of_result(trial, found.curves) < 1.5 * kept
        weights = sum(one.nbytes for one in build_network(trial, datasets.load("digits")).parameters())
        assert found.weights >= weights
        assert size_of_checkpoints(trial, found.weights) >= 2 * 2 * weights


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

    def small(trial: Trial, data: Dataset, batch: int) -> cost.Speed:
        if batch > 16:
            torch.empty(2**62, dtype=torch.uint8)
        found = measured(trial, data, batch)
        assert found.step > 0
        return replace(found, step=1.0)

    monkeypatch.setattr(cost, "_measure", small)
    settings = ["quickstart", "--preset", "smoke", "--set", "batch_size=64"]
    plan = json.loads(cli("plan", *settings, "--json").out)
    assert {(one["measured_batch"], one["step_seconds"]) for one in plan["costs"]} == {(16, 4.0)}
    assert "64 examples at a time do not fit here, nor would they in a run; measured on 16" in " ".join(
        cli("plan", *settings).out.split()
    )
