"""`rectifiers.compare`: the user's own model, data and training, from the call to the page."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import rectifiers
from rectifiers.core.errors import ConfigError, RectifiersError, ShapeError, UnknownNameError
from rectifiers.experiments.compare.checking import check_settings
from rectifiers.experiments.compare.generators import states
from rectifiers.experiments.compare.preparing import HEAD_ALONE, NORMS_ALONE, UNTRAINED
from rectifiers.experiments.compare.references import resolve
from rectifiers.experiments.compare.run_own import get_ready
from rectifiers.lab.brought import usual_settings

from ..experiments.compare.samples import make_model, make_norm_model, tensors, train


@pytest.fixture(autouse=True)
def _one_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECTIFIERS_RESULTS", str(tmp_path / "runs"))


ONE_MODEL = make_model()


def compare(model: Any = make_model, **options: Any) -> rectifiers.Comparison:
    usual: dict[str, Any] = {"activations": ["arelu"], "seeds": 3, "progress": False, "costs": False}
    if "train" not in options:
        usual |= {"data": tensors(), "epochs": 1, "lr": 0.01}
    return rectifiers.compare(model, **{**usual, **options})


def kinds(model: nn.Module) -> list[type[nn.Module]]:
    return [type(module) for module in model.modules()]


def results_of(found: rectifiers.Comparison) -> dict[tuple[str, int], float]:
    return {(cell.row, cell.trial.seed): result.value("final_epoch") for cell, result in found.outcomes}


@pytest.fixture
def double_precision() -> Iterator[None]:
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


@pytest.mark.usefixtures("double_precision")
@pytest.mark.parametrize("own", [False, True])
def test_models_of_double_precision(own: bool) -> None:
    dtypes: set[torch.dtype] = set()

    def make() -> nn.Module:
        model = make_model()
        dtypes.update(parameter.dtype for parameter in model.parameters())
        return model

    found = compare(make, seeds=2, **({"train": train} if own else {"epochs": 1}))
    assert len(found.results) == 4
    assert dtypes == {torch.float64}


@pytest.mark.slow
@pytest.mark.usefixtures("double_precision")
def test_models_of_double_precision_in_other_processes() -> None:
    def settled(**options: Any) -> dict[tuple[str, int], float]:
        return results_of(compare(train=train, seeds=2, threads=1, **options))

    wanted = settled(name="here")
    assert settled(name="workers", workers=2) == wanted
    torch.set_default_dtype(torch.float32)
    # Runs of another precision are others, and do not stand in for these.
    assert settled(name="here") != wanted


def test_one_process_may_compare_in_both_precisions() -> None:
    inputs, targets = (part.numpy() for part in tensors())
    data = (inputs.astype("float64"), targets)
    for dtype in (torch.float32, torch.float64, torch.float32):
        torch.set_default_dtype(dtype)
        try:
            by_loop, by_training = compare(data=data, seeds=1), compare(train=train, costs=True, seeds=1)
        finally:
            torch.set_default_dtype(torch.float32)
        assert len(by_loop.results) == 2
        assert len(by_training.to_dict()["costs"]) == 2


def test_other_defaults_leave_the_bits_of_models_that_say_what_they_are() -> None:
    usual = results_of(compare(seeds=2, name="usual"))

    def make() -> nn.Module:
        with torch.device("cpu"):
            return make_model().float()

    x, y = tensors()
    torch.set_default_device("meta")
    try:
        found = results_of(compare(make, seeds=2, name="meta", data=(x, y)))
    finally:
        torch.set_default_device(None)
    assert found == usual


def test_a_training_that_changes_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    def leave(model: nn.Module, seed: int) -> float:
        model(torch.zeros(1, 6))
        (tmp_path / f"out-{seed}").mkdir(exist_ok=True)
        os.chdir(tmp_path / f"out-{seed}")
        return 0.5 + seed / 1000 + 1e-4 * sum(parameter.numel() for parameter in model.parameters())

    found = compare(train=leave, better="higher", results="runs")
    assert len(found.results) == 6
    assert Path.cwd() == tmp_path
    assert len([*(tmp_path / "runs").glob("*/*/result.json")]) == 7  # one of them again, to see whether it is the same


def test_a_training_that_turns_gradients_off_at_its_end() -> None:
    usual = results_of(compare(train=train, name="usual"))
    drawn = str(states())

    def leave(model: nn.Module, seed: int, report: Any) -> dict[str, float]:
        found = train(model, seed, report)
        torch.set_grad_enabled(False)
        torch.set_default_dtype(torch.float64)
        torch.set_default_device("meta")
        return found

    assert results_of(compare(train=leave, name="leaves")) == usual
    assert torch.is_grad_enabled()
    assert (torch.zeros(1).dtype, torch.zeros(1).device.type) == (torch.float32, "cpu")
    assert str(states()) == drawn


def train_by_seed(model: nn.Module, seed: int) -> dict[str, float]:
    model(torch.zeros(1, 6))
    return {"loss": 12.5} if seed == 1 else {"accuracy": 0.9 + seed / 1000}


@pytest.mark.parametrize("workers", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_all_runs_have_one_metric(workers: int) -> None:
    said = "train_by_seed returned loss in the run of .* with seed 1, and accuracy in that of .* with seed 0"
    for _ in range(2):  # the second time, the runs are there already
        with pytest.raises(ConfigError, match=f"{said}.*metric='accuracy'"):
            compare(train=train_by_seed, workers=workers)
    with pytest.raises(
        ConfigError, match=r"in the run of .* with seed 1, train_by_seed returned loss, but no accuracy"
    ):
        compare(train=train_by_seed, metric="accuracy", workers=workers)


def test_a_number_and_a_named_metric_are_two() -> None:
    def some(model: nn.Module, seed: int) -> Any:
        model(torch.zeros(1, 6))
        return {"accuracy": 0.5} if seed else 0.5

    with pytest.raises(
        ConfigError, match=r"some returned accuracy in the run of .* with seed 1, and metric in that of"
    ):
        compare(train=some)


def test_our_loop_from_the_call_to_the_page(tmp_path: Path) -> None:
    found = compare(activations=["relu", "arelu", "pvlu:share=layer@first"])
    assert found.labels == ("as it is", "arelu", "pvlu:share=layer@first")
    facts = json.loads(json.dumps(found.to_dict()))
    assert [row["parameters"] for row in facts["rows"]] == [279, 283, 281]
    assert facts["decision"] in ("use it", "do not", "cannot tell yet")
    text = str(found)
    assert "make_model: 2 variants against the model as it is" in text
    page = found.report(tmp_path / "page.html").path.read_text(encoding="utf-8")
    assert page.startswith("<!doctype html>")
    settings = re.findall(r'<tr><th scope="row">(\w+)</th><td>', page[page.index("What all runs share.") :])
    assert {"dataset", "network", "lr", "epochs", "optimizer", "threads"} <= set(settings)
    assert not {"activation", "mixup", "folds", "swaps"} & set(settings)
    assert "pvlu:share=layer@first" in found._repr_html_()


def test_the_same_call_again_runs_nothing_and_says_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    first = compare()

    def fail(*_: Any) -> None:
        raise AssertionError("nothing is to be run again")

    monkeypatch.setattr("rectifiers.experiments.run_trial.run_own", fail)
    again = compare()
    assert results_of(again) == results_of(first)
    assert str(again) == str(first)


def test_initial_weights_are_the_same_where_a_swap_keeps_them() -> None:
    found = compare(activations=["arelu", "pvlu@first"])
    ready = {cell.row: get_ready(cell.trial).model for cell, _ in found.outcomes if cell.trial.seed == 1}  # type: ignore[arg-type]
    plain = ready.pop("as it is")
    assert ready
    for changed in ready.values():
        for one, other in zip(plain.children(), changed.children(), strict=True):
            if isinstance(one, nn.Linear):
                assert torch.equal(one.weight, other.weight)
    other_seed = next(get_ready(cell.trial).model for cell, _ in found.outcomes if cell.trial.seed == 2)  # type: ignore[arg-type]
    assert not torch.equal(other_seed[0].weight, plain[0].weight)


def test_functions_start_as_their_purpose_asks() -> None:
    def starts(**options: Any) -> set[Any]:
        found = compare(activations=["arelu", "pvlu:start=relu"], **options)
        trials = [cell.trial for cell, _ in found.outcomes]
        return {(swap.to, swap.start) for trial in trials for swap in trial.swaps}

    assert starts() == {("arelu", "published"), ("pvlu", "relu")}
    assert starts(protocol="finetune") == {("arelu", None), ("pvlu", "relu")}


def test_a_page_claims_no_epoch_and_no_data_of_a_users_training() -> None:
    assert "Mean ± 95 % t-interval of accuracy, as train gave it; more" in " ".join(str(compare(train=train)).split())
    assert "of accuracy, on test data, after the last epoch; more" in " ".join(str(compare()).split())


def test_a_users_training() -> None:
    found = compare(train=train, activations=["arelu"])
    assert found.findings.measure.name == "accuracy"
    assert len(found.results) == 6
    assert len(set(results_of(found).values())) > 2
    assert not found.findings.notes


def test_a_training_that_ignores_its_seed_is_noticed() -> None:
    def deaf(model: nn.Module, seed: int, report: Any) -> float:
        model(torch.zeros(2, 6))
        return 0.75

    found = compare(train=deaf)
    assert found.decision == "cannot tell yet"
    text = found.findings.verdict.text
    assert "3 seeds gave exactly the same score in every row" in text
    assert "deaf ignores its seed, or its metric is too coarse to tell runs apart" in text
    assert all(row.comparison is None and not row.words for row in found.findings.rows)


def test_a_training_that_two_runs_of_one_seed_tell_apart_is_noticed() -> None:
    runs = iter(range(1000))

    def drifts(model: nn.Module, seed: int, report: Any) -> float:
        model(torch.zeros(2, 6))
        return float(next(runs))

    (note,) = compare(train=drifts).findings.notes
    assert note.startswith("two runs of drifts with one seed gave")


def test_fine_tuning_has_its_controls() -> None:
    found = compare(make_norm_model(), protocol="finetune")
    assert found.labels == ("as it is", "arelu", NORMS_ALONE, HEAD_ALONE, UNTRAINED)
    trained = {cell.row: cell.trial.trained for cell, _ in found.outcomes}
    assert (trained["arelu"], trained["as it is"], trained[HEAD_ALONE]) == ("activations", "all", "head")
    assert len({value for (row, _), value in results_of(found).items() if row == UNTRAINED}) == 1
    assert compare(make_model(), protocol="finetune", controls=False).labels == ("as it is", "arelu")


def test_a_budget_selects_and_confirms() -> None:
    found = compare(activations=["arelu", "sigmoid", "gelu"], budget="34 runs")
    assert found.findings.screened_on == "validation"
    assert len(found.labels) + len(found.findings.left) == 4
    assert all(cell.trial.seed >= 1000 for cell, _ in found.outcomes)
    assert found.findings.runs <= 34


def test_a_larger_budget_remembers_the_looks_of_the_smaller_one() -> None:
    looks = [compare(budget=f"{runs} runs", seeds=5, margin=0.0).to_dict()["looks"] for runs in (8, 8, 13)]
    assert looks == [[4], [4], [4, 6]]


def test_learning_rates_are_tuned_for_a_training_that_takes_one() -> None:
    def takes(model: nn.Module, seed: int, lr: float) -> dict[str, float]:
        model(torch.zeros(2, 6))
        return {"score": seed % 7 + lr, "validation": -abs(lr - 0.03)}

    found = compare(train=takes, lr=0.01, tune_lr=True)
    assert {cell.trial.lr for cell, _ in found.outcomes} == {0.03}
    assert "as it is 0.03, arelu 0.03" in str(found)
    assert "lr = 0.03" in found.best.code
    assert found.findings.runs == 12 + 6
    with pytest.raises(ConfigError, match="train takes no lr"):
        compare(train=train, tune_lr=True)
    with pytest.raises(ConfigError, match="around lr, for which takes has no default; give lr=…"):
        compare(train=takes, tune_lr=True)

    def has_its_own(model: nn.Module, seed: int, lr: float = 0.2) -> dict[str, float]:
        return takes(model, seed, lr)

    found = compare(train=has_its_own, tune_lr=True)
    assert {cell.trial.lr for cell, _ in found.outcomes} == {0.0667}


def test_folds_are_held_out_in_place_of_a_share() -> None:
    settings = {"folds": 5, "patience": 1}
    chosen = usual_settings(settings, None, chooses=True, tunes=True)
    check_settings(settings, chosen, (), named=True)
    assert "validation" not in chosen


def test_patience_holds_validation_data_out() -> None:
    found = compare(patience=1, epochs=2, seeds=1)
    assert all(epoch.validation_score is not None for result in found.results for epoch in result.epochs)


@pytest.mark.parametrize(("outputs", "name"), [(1, "Dice coefficient"), (2, "mean IoU")])
def test_tasks_of_pixels(outputs: int, name: str) -> None:
    images = torch.randn(40, 1, 6, 6, generator=torch.Generator().manual_seed(0))
    targets = (images > 0).float() if outputs == 1 else (images[:, 0] > 0).long()

    def make() -> nn.Module:
        return nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, outputs, 1))

    found = compare(make, data=(images, targets))
    assert found.findings.measure.name == name
    assert len(found.results) == 6


@pytest.mark.parametrize(
    ("targets", "outputs", "name"),
    [
        (torch.randn(80, 1, generator=torch.Generator().manual_seed(1)), 1, "R²"),
        ((torch.randn(80, 3, generator=torch.Generator().manual_seed(1)) > 0).float(), 3, "F1"),
    ],
)
def test_other_tasks(targets: torch.Tensor, outputs: int, name: str) -> None:
    def make() -> nn.Module:
        return nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, outputs))

    found = compare(make, data=(tensors(80)[0], targets))
    assert name.lower() in found.findings.measure.name.lower()
    assert len(found.results) == 6


def test_an_error_of_a_regression_gets_the_unit_of_its_targets() -> None:
    found = compare(
        lambda: nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 1)),
        data=(tensors(80)[0], tensors(80)[0][:, :1]),
        metric="RMSE",
        unit="kg",
    )
    assert "RMSE, kg" in str(found)
    assert not found.findings.measure.higher_is_better


def test_a_loss_and_a_metric_of_ones_own() -> None:
    def away(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        return (outputs[:, 0] - targets).abs().mean()

    inputs, _ = tensors(80)
    found = compare(
        lambda: nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 1)),
        data=(inputs, inputs[:, 0]),
        task="regression",
        loss=away,
        metric=away,
        better="lower",
        unit="kg",
    )
    assert (found.findings.measure.name, found.findings.measure.unit) == ("away", "kg")
    assert not found.findings.measure.higher_is_better


def test_data_by_name_and_loaders_of_dictionaries() -> None:
    net = lambda: nn.Sequential(nn.Flatten(), nn.Linear(64, 8), nn.ReLU(), nn.Linear(8, 10))  # noqa: E731
    assert compare(net, data="digits", train_size=64).findings.measure.unit == "%"
    inputs, targets = tensors(40)
    rows = [{"x": row, "labels": label} for row, label in zip(inputs, targets, strict=True)]
    loader: DataLoader[Any] = DataLoader(rows, 8, shuffle=True)
    assert len(compare(data=(loader, loader)).results) == 6


@pytest.mark.slow
def test_workers_give_the_same_bits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "own_model_for_workers.py").write_text(
        "import torch\nfrom torch import nn\n\n\ndef make():\n    return nn.Sequential(nn.Linear(4, 8), nn.ReLU(), "
        "nn.Linear(8, 2))\n\n\ndef data():\n    x = torch.linspace(-1, 1, 256).reshape(64, 4)\n"
        "    return x, (x.sum(1) > 0).long()\n"
    )
    monkeypatch.chdir(tmp_path)
    options: dict[str, Any] = {"data": "own_model_for_workers:data", "seeds": 1, "threads": 1}
    alone = compare("own_model_for_workers:make", name="alone", **options)
    beside = compare("own_model_for_workers:make", name="beside", workers=2, **options)
    assert results_of(beside) == results_of(alone)
    assert not beside.findings.notes


def test_what_cannot_be_imported_runs_here_and_says_so() -> None:
    plans: list[Any] = []
    (note,) = compare(lambda: make_model(), seeds=1, workers=2, on_plan=plans.append).findings.notes
    assert "runs were made in this process" in note
    assert plans[0].workers == 1


def test_gelu_is_replaced_in_a_model_without_relu() -> None:
    found = compare(lambda: nn.Sequential(nn.Linear(6, 8), nn.GELU(), nn.Linear(8, 3)), activations=["gelu", "arelu"])
    assert found.labels == ("as it is", "arelu")


def unread() -> Any:
    raise AssertionError("the data are not to be read")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"activations": ["arleu"]}, "did you mean arelu"),
        ({"protocol": "tune"}, "unknown protocol"),
        ({"metric": "rsme"}, "unknown measure 'rsme'; did you mean RMSE"),
        ({"metric": "f1", "task": "regression"}, "unknown measure of a regression 'f1'"),
        ({"metric": lambda outputs, targets: 0.0, "better": "more"}, "unknown better 'more'"),
        ({"loss": "hubber"}, "did you mean huber"),
        ({"task": "regresion"}, "did you mean regression"),
        ({"epocs": 3}, "epocs: no such setting; did you mean epochs"),
        ({"metrics": "rmse"}, "metrics: no such setting; did you mean metric"),
        ({"activation": "arelu"}, "activation cannot be set; a comparison decides it"),
        ({"lr": -1}, "lr: expected more than 0"),
        ({"augment": ("flip",)}, "augment is for data known by name"),
        ({"budget": "soon"}, "must be a time"),
        ({"margin": -1.0}, "margin must be"),
        ({"margin": "1"}, "margin must be .*, got '1'"),
        ({"unit": 3}, "unit must be a word of one line, such as kg, got 3"),
        ({"own": "nowhere.py:Act"}, "nowhere.py"),
    ],
)
def test_names_are_checked_before_data_are_read(options: dict[str, Any], message: str) -> None:
    with pytest.raises(RectifiersError, match=message) as error:
        compare(**{"data": unread, **options})
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("train", "options", "message"),
    [
        (3, {}, "train has to be a function"),
        (lambda: 1.0, {}, "takes no arguments"),
        (lambda model, loader: 1.0, {}, "needs loader, which it is not given"),
        (train, {"lr": 0.1}, "train takes no lr"),
        (train, {"metric": "tardiness"}, "give better='higher' or better='lower'"),
        (train, {"loss": "mse"}, "loss is for the built-in loop"),
    ],
)
def test_a_training_is_checked_before_a_model_is_made(train: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(RectifiersError, match=message):
        compare(lambda: unread(), train=train, **options)


def test_a_training_that_fails_is_not_begun_again() -> None:
    begun = []

    def fails(model: nn.Module, seed: int) -> float:
        begun.append(seed)
        model(torch.zeros(2, 6))
        raise OSError("the disk is gone")

    with pytest.raises(RectifiersError, match="the disk is gone"):
        compare(train=fails)
    assert len(begun) == 2  # once to see what it calls the model with, once as a run


def test_a_budget_that_is_too_small_is_refused_by_the_plan_too() -> None:
    with pytest.raises(ConfigError, match="a budget of 5 runs is too small"):
        rectifiers.lab.plan_comparison(make_model, data=tensors(), activations=["arelu"], budget="5 runs")


def test_test_data_are_left_alone_by_what_chooses() -> None:
    found = compare(activations=["arelu", "sigmoid"], budget="20 runs", tune_lr=False)
    runs = Path(os.environ["RECTIFIERS_RESULTS"])
    results = [json.loads(path.read_text(encoding="utf-8")) for path in runs.glob("*/*/result.json")]
    tested: dict[bool, set[bool]] = {False: set(), True: set()}
    for one in results:
        last = one["epochs"][-1]
        tested[one["trial"].get("untested", False)].add(str(last["test_accuracy"]) == "NaN")
        assert last["validation_accuracy"] is not None
    assert tested == {True: {True}, False: {False}}
    assert found.results


class Ragged(torch.utils.data.Dataset[Any]):
    """Samples of several sizes, which do not make a batch."""

    def __len__(self) -> int:
        return 40

    def __getitem__(self, index: int) -> Any:
        return torch.zeros(1 + index % 2), 0


class Rectifies(nn.Module):
    """A model without parameters."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x[:, :3].relu()


@pytest.mark.parametrize(
    ("model", "options", "message"),
    [
        (make_model, {"data": None}, "give either data"),
        (make_model, {"train": train, "data": tensors()}, "give either data"),
        (lambda width: make_model(), {}, "needs the argument width"),
        (lambda: None, {}, "returned NoneType; it has to return an nn.Module"),
        (lambda: 1 / 0, {}, "failed: ZeroDivisionError"),
        (lambda: ONE_MODEL, {}, "returns the same model each time"),
        (3, {}, "expected a model, or a function"),
        ("nowhere_at_all:make", {}, "cannot import"),
        (lambda: nn.Linear(10**6, 10**8), {}, "does not fit into memory"),
        (lambda: nn.Sequential(nn.Linear(5, 3), nn.ReLU()), {}, "fails on"),
        (lambda: nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 2)), {}, "but the model has 2 outputs"),
        (lambda: nn.Linear(6, 3), {}, "no activation that is usually replaced"),
        (make_model, {"activations": ["relu"]}, "there is nothing to compare: the model's activation is"),
        (make_model, {"activations": ["arelu@R9"]}, "arelu@R9: unknown activation site"),
        (make_model, {"activations": []}, "activations must name at least one"),
        (make_model, {"activations": [lambda model: None]}, "variant <lambda> returned NoneType"),
        (make_model, {"data": (pair for pair in [tensors()])}, "data must be readable more than once, got a generator"),
        (make_model, {"device": "cuda:99"}, "this machine has no device 'cuda:99'"),
        (make_model, {"name": "../up"}, "name must be a plain name"),
        (make_model, {"activations": ["arleu"]}, "did you mean arelu"),
        (make_model, {"data": [tensors()]}, "1 batch is too few"),
        (make_model, {"data": ([], [])}, "gave no batches"),
        (make_model, {"data": "nowhere"}, "unknown data set, folder"),
        (make_model, {"protocol": "tune"}, "unknown protocol"),
        (make_model, {"budget": "soon"}, "must be a time"),
        (make_model, {"margin": -1.0}, "margin must be"),
        (make_model, {"epocs": 3}, "no such setting"),
        (make_model, {"seed": 3}, "a comparison decides it"),
        (make_model, {"together": 2}, "together cannot be set; a comparison decides it"),
        (make_model, {"phase_epochs": 1}, "phase_epochs is for data known by name"),
        (make_model, {"seeds": 0}, "seeds must be at least 1"),
        (make_model, {"unit": "a\nb"}, r"unit must be a word of one line, such as kg, got 'a\\nb'"),
        (make_model, {"seeds": 10**20}, "seeds must be at most 10,000, got"),
        (make_model, {"seeds": 201, "budget": "9000 runs"}, "seeds before the first look must be at most 200, got 201"),
        (make_model, {"seeds": 2, "budget": "60 runs"}, "seeds before the first look must be at least 3, got 2"),
        (make_model, {"train": lambda model, seed, report: model(torch.zeros(2, 6)) and None}, "failed"),
        (make_model, {"train": lambda model: None}, "returned nothing"),
        (make_model, {"train": lambda model: {}}, "returned an empty dictionary; return one such as"),
        (make_model, {"train": lambda model: torch.zeros(3, 2)}, "must be a number, got a tensor of shape 3×2"),
        (make_model, {"train": lambda model: sys.exit(3)}, "failed: SystemExit: 3"),
        (lambda: sys.exit("no weights"), {}, "failed: SystemExit: no weights"),
        (make_model, {"activations": [lambda model: sys.exit(1)]}, "variant <lambda> failed: SystemExit: 1"),
        (make_model, {"activations": ["arelu+"]}, "cannot read the variant 'arelu\\+'"),
        (make_model, {"data": lambda: None}, "the function that gives the data returned nothing"),
        (make_model, {"data": lambda: sys.exit(1)}, "the function that gives the data failed: SystemExit: 1"),
        (make_model, {"data": (torch.zeros(1, 6), torch.zeros(1).long())}, "1 sample is too few to hold some out"),
        (make_model, {"data": (numpy.array([["a"]], dtype=object), torch.zeros(1))}, "have to be numbers"),
        (make_model, {"data": DataLoader(Ragged(), 4)}, "reading the data failed: RuntimeError: stack expects"),
        (make_model, {"data": Ragged()}, "reading the data failed: RuntimeError: stack expects"),
        (Rectifies, {}, "Rectifies has no parameters to train$"),
        (lambda: make_model().requires_grad_(False), {}, "has no parameters to train: all of them are frozen"),
        (make_model, {"protocol": "finetune", "activations": ["gelu"]}, "gelu: the function has no parameters"),
        (make_model, {"loss": lambda outputs, targets: outputs}, "the loss must be a tensor with one number, got a t"),
        (make_model, {"loss": lambda outputs, targets: 0.5}, "the loss must be a tensor with one number, got 0.5"),
        (make_model, {"loss": lambda outputs, targets: torch.tensor(0.5)}, "the loss has no gradient: something in it"),
        (make_model, {"metric": lambda outputs, targets: None, "better": "lower"}, "must be one number, got None"),
        (make_model, {"task": "segmentation"}, "a segmentation needs outputs N×1×H×W"),
        (make_model, {"unit": "kg"}, "accuracy is in %, got unit='kg'"),
        (make_model, {"better": "lower"}, "more accuracy is better, got better='lower'"),
    ],
)
def test_mistakes_are_one_line(model: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises((RectifiersError, UnknownNameError), match=message) as error:
        compare(model, **options)
    assert "\n" not in str(error.value)


def test_too_few_outputs_for_the_classes_are_one_line_before_anything_is_trained() -> None:
    def make() -> nn.Module:
        return nn.Sequential(nn.Flatten(), nn.Linear(64, 7), nn.ReLU())

    with pytest.raises(ConfigError, match="digits has 10 classes, but make has 7 outputs"):
        compare(make, data="digits", train_size=64)


def test_a_training_that_fails_while_it_is_measured_is_one_line() -> None:
    inputs, targets = torch.randn(64, 6), torch.zeros(64, dtype=torch.long)
    targets[40:] = 5
    for train_on, test_on in ((targets, targets[:32]), (targets.clamp(max=2), targets)):
        with pytest.raises(ConfigError, match=r"^targets run from 0 to 5, but the model has 3 outputs"):
            compare(data=((inputs, train_on), (inputs[: len(test_on)], test_on)), progress=True, batch_size=32)


@pytest.mark.parametrize("dtype", [torch.bool, torch.int8, torch.int16, torch.int32, torch.uint8])
def test_classes_of_any_whole_numbers(dtype: torch.dtype) -> None:
    inputs, targets = tensors()
    classes = (targets > 0).long()
    usual = results_of(compare(data=(inputs, classes), name="usual"))
    assert results_of(compare(data=(inputs, classes.to(dtype)), name="tensors")) == usual
    loaders = [[(inputs[:60], classes[:60].to(kind))] * 2 for kind in (torch.int64, dtype)]
    wanted, found = (results_of(compare(data=(one, one), name=f"loader{n}")) for n, one in enumerate(loaders))
    assert found == wanted


def test_a_model_that_its_seed_does_not_decide_is_noticed() -> None:
    widths = iter(range(4, 100))

    def make_wider() -> nn.Module:
        width = next(widths)
        return nn.Sequential(nn.Linear(6, width), nn.ReLU(), nn.Linear(width, 3))

    with pytest.raises(ConfigError, match=r"make_wider makes another model each time: 0\.weight was of shape \("):
        compare(make_wider)

    def make_by_chance() -> nn.Module:
        model = make_model()
        with torch.no_grad():
            model[0].weight.add_(float(numpy.random.default_rng().normal()))
        return model

    (note,) = compare(make_by_chance).findings.notes
    assert "make_by_chance made two models of one seed that differ in 0.weight" in note


def test_a_softmax_before_the_cross_entropy_is_noticed() -> None:
    (note,) = compare(lambda: nn.Sequential(make_model(), nn.Softmax(-1))).findings.notes
    assert "are probabilities, to which the cross-entropy applies a softmax once more" in note
    assert not compare(lambda: nn.Sequential(make_model(), nn.LogSoftmax(-1))).findings.notes


def test_classes_that_are_learned_as_something_else_are_noticed() -> None:
    inputs, classes = tensors()
    two = (classes > 0).float()

    def with_outputs(count: int) -> Callable[[], nn.Module]:
        return lambda: nn.Sequential(nn.Linear(6, 4), nn.ReLU(), nn.Linear(4, count))

    (note,) = compare(with_outputs(1), data=(inputs, two)).findings.notes
    assert "all targets are 0 or 1, and were learned as numbers" in note
    (note,) = compare(with_outputs(3), data=(inputs, nn.functional.one_hot(classes, 3))).findings.notes
    assert "every sample has exactly one label" in note
    assert not compare(with_outputs(1), data=(inputs, two), task="regression").findings.notes
    assert not compare(with_outputs(1), data=(inputs, two[:, None])).findings.notes


def test_a_loss_whose_parameters_stay_as_they_are_is_noticed() -> None:
    class Scaled(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.scale = nn.Parameter(torch.ones(()))

        def forward(self, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
            return nn.functional.cross_entropy(outputs * self.scale, targets)

    (note,) = compare(loss=Scaled()).findings.notes
    assert "the parameters of Scaled were not trained" in note


def test_classes_that_a_part_of_the_data_has_not_are_named() -> None:
    inputs, targets = tensors()
    there = targets != 2
    parts = (inputs, targets), (inputs[there], targets[there])
    loaders = tuple(DataLoader(TensorDataset(*part), 32) for part in parts)
    for data in (parts, loaders):
        (note,) = compare(data=data).findings.notes
        assert note == "no sample of class 2 is in the test data; if chance divided the data, divide them by class"
    (note,) = compare(data=(parts[1], parts[0])).findings.notes
    assert "no sample of class 2 is in the training data" in note


def test_mistakes_in_data_say_what_to_do() -> None:
    inputs, targets = tensors()
    with pytest.raises(ShapeError, match=r"for classes, give whole numbers: targets\.long\(\)"):
        compare(data=(inputs, targets.float()))
    with pytest.raises(ConfigError, match="a batch has a single example: change batch_size"):
        compare(make_norm_model, data=((inputs[:33], targets[:33]), (inputs[33:], targets[33:])), batch_size=32)


def test_a_metric_that_is_always_nan() -> None:
    with pytest.raises(ConfigError, match="all 6 runs diverged, or gave a metric that is not a number"):
        compare(train=lambda model: float("nan") * float(model(torch.zeros(2, 6)).sum().detach()))


def test_a_metric_whose_name_does_not_tell_is_asked_about() -> None:
    def tardy(model: nn.Module, seed: int, report: Any) -> dict[str, float]:
        model(torch.zeros(2, 6))
        return {"tardiness": float(seed)}

    with pytest.raises(RectifiersError, match=r"more or less of tardiness is better; give better='higher'"):
        compare(train=tardy)
    assert "less tardiness is better; compared with" in compare(train=tardy, better="lower").findings.rule()


def test_a_training_that_ignores_the_model_is_noticed() -> None:
    def stubborn(model: nn.Module, seed: int, report: Any) -> dict[str, float]:
        return {"accuracy": seed / 7}

    found = compare(train=stubborn, example=torch.zeros(2, 6))
    assert found.decision == "cannot tell yet"
    assert "stubborn does not train the model that it is given" in found.findings.verdict.text
    assert all(row.comparison is None for row in found.findings.rows)


def test_the_lines_of_the_winner_make_it() -> None:
    found = compare(activations=["arelu", "pvlu@first"])
    scope: dict[str, Any] = {"model": make_model(), "example": torch.zeros(2, 6)}
    for cell, _ in found.outcomes:
        row = next(row for row in found.findings.rows if row.label == cell.row)
        scope["model"] = resolve(cell.trial.network)()
        exec(row.variant.code("model", "example"), scope)
        assert kinds(scope["model"]) == kinds(get_ready(cell.trial).model)


def test_loaders_keep_their_settings_when_some_samples_are_held_out() -> None:
    loader = DataLoader(TensorDataset(*tensors()), 10, shuffle=True, drop_last=True)
    assert compare(data=loader, validation=0.2).results[0].epochs[-1].validation_score is not None


def test_an_activation_from_a_file_of_ones_own(own_file: Callable[..., Path]) -> None:
    path = own_file()
    found = compare(activations=["MyAct", "arelu"], own=[f"{path}:MyAct"], seeds=1)
    assert found.labels == ("as it is", "MyAct", "arelu")
    assert compare(activations=["MyAct"], own=f"{path}:MyAct", seeds=1).labels == ("as it is", "MyAct")
    digests = {cell.row: dict(cell.trial.own) for cell, _ in found.outcomes}
    assert {row for row, own in digests.items() if own} == {"MyAct"}
    assert digests["MyAct"].keys() == {"activation MyAct"}


def test_costs_stand_beside_the_quality() -> None:
    found = compare(activations=["arelu", "pvlu@first"], costs=True, seeds=1)
    costs = found.to_dict()["costs"]
    assert [(row["label"], row["parameters"]) for row in costs] == [
        ("as it is", 279),
        ("arelu", 283),
        ("pvlu@first", 303),
    ]
    assert all({"train", "infer", "export"} <= set(row["times"]) for row in costs)
    assert "a training step" in str(found)
    assert "peak memory" in found._repr_html_()


def test_a_users_training_is_measured_on_its_first_batch() -> None:
    found = compare(train=train, costs=True, seeds=1)
    assert [row["label"] for row in found.to_dict()["costs"]] == ["as it is", "arelu"]


def test_a_training_that_calls_parts_of_its_model_has_no_costs() -> None:
    def parts(model: nn.Module, seed: int) -> dict[str, float]:
        return {"distance": float(model[0](torch.ones(2, 6)).sum().detach())}  # type: ignore[index]

    found = compare(train=parts, better="lower", example=torch.zeros(2, 6), seeds=1, costs=True)
    (note,) = (note for note in found.findings.notes if "costs" in note)
    assert note.endswith("parts never called the model that it was given, so what to call it with is not known")


def test_a_plan_runs_nothing_and_knows_what_was_run(tmp_path: Path) -> None:
    plan = rectifiers.lab.plan_comparison(make_model, data=tensors(), activations=["arelu"], seeds=4, epochs=2)
    assert (plan.labels, plan.runs, plan.done) == (("as it is", "arelu"), 8, 0)
    assert plan.total > 0
    assert "times the standard deviation" in str(plan)
    assert not list((tmp_path / "runs").glob("*/*/result.json"))
    compare(activations=["arelu"], seeds=3)
    plan = rectifiers.lab.plan_comparison(make_model, data=tensors(), activations=["arelu"], seeds=4, epochs=1, lr=0.01)
    assert (plan.done, plan.unit) == (6, " points")
    assert plan.detectable > 0
    assert plan.total == pytest.approx(sum(plan.seconds.values()))


def test_a_training_of_ones_own_is_timed_by_its_first_run_which_is_kept(tmp_path: Path) -> None:
    plan = rectifiers.lab.plan_comparison(
        make_model, train=train, activations=["arelu"], budget="1h", progress=False, name="timed"
    )
    assert plan.total > 0
    assert "budget      60 min: screening, then fresh seeds" in str(plan)
    assert len(list((tmp_path / "runs/timed").glob("*/result.json"))) == 1


@pytest.mark.parametrize(("budget", "made"), [(10, 10), (11, 11)])
def test_the_run_that_is_made_again_is_within_the_budget(tmp_path: Path, budget: int, made: int) -> None:
    found = compare(train=train, activations=["arelu"], budget=f"{budget} runs", seeds=5, margin=0.0)
    assert len(list((tmp_path / "runs").glob("*/*/result.json"))) == made
    assert any("nothing was left of the budget" in note for note in found.findings.notes) == (budget == 10)


def test_runs_start_from_a_file_of_weights_that_is_known_by_what_it_holds(tmp_path: Path) -> None:
    def same_weights() -> nn.Module:
        torch.manual_seed(7)
        return make_model()

    torch.manual_seed(3)
    model = make_model()
    # Scores tell the weights that are trained no further apart.
    for name in ("first.pt", "second.pt"):
        torch.save({"state_dict": model.state_dict(), "epoch": 3}, tmp_path / name)
    options: dict[str, Any] = {"protocol": "finetune", "seeds": 1, "epochs": 1}
    found = compare(same_weights, weights=tmp_path / "first.pt", **options)
    moved = compare(same_weights, weights=str(tmp_path / "second.pt"), **options)
    ids = {cell.trial.id for cell, _ in found.outcomes}
    assert ids == {cell.trial.id for cell, _ in moved.outcomes}
    assert not ids & {cell.trial.id for cell, _ in compare(same_weights, **options).outcomes}
    (trial,) = {cell.trial for cell, _ in found.outcomes if cell.row == UNTRAINED}
    ready = get_ready(trial, tmp_path)
    for name, value in ready.model.state_dict().items():
        assert torch.equal(value, model.state_dict()[name])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"nothing", "is not a file of weights|holds more than tensors"),
        (None, "cannot read .*: No such file"),
        ({"0.weight": torch.zeros(2, 2)}, "net.pt does not fit this Sequential: it has no"),
    ],
)
def test_weights_that_do_not_fit_are_named(tmp_path: Path, content: Any, message: str) -> None:
    file = tmp_path / "net.pt"
    if isinstance(content, bytes):
        file.write_bytes(content)
    elif content is not None:
        torch.save(content, file)
    with pytest.raises(RectifiersError, match=message):
        compare(weights=file)
