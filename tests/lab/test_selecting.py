"""What is selected is what was asked for, in Python as in a shell."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from rectifiers import lab
from rectifiers.core.errors import ConfigError, UnknownNameError
from rectifiers.experiments.experiment import Experiment

from ..experiments.samples import result

SETTINGS: dict[str, Any] = {"dataset": "digits", "network": "digits-conv", "lr": 0.1}


def built(**changes: Any) -> Experiment:
    return lab.experiment(["relu", "arelu"], **{**SETTINGS, **changes})


def test_by_name_from_a_file_and_from_python_it_is_the_same_experiment(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(
        'name = "mine"\nrows = ["relu", "arelu"]\nseeds = 2\n'
        'settings = { dataset = "digits", network = "digits-conv", lr = 0.1 }\n'
    )
    read, made = lab.open(path), lab.open(built(name="mine", seeds=2))
    assert read.preset == made.preset == "full"
    assert read.trials == made.trials
    assert lab.open("quickstart").preset == "pocket"


def test_changes_and_the_command_that_makes_them() -> None:
    settings = {"epochs": 5, "milestones": [2, 4], "device": "cpu", "where": "0"}
    selection = lab.open("quickstart", preset="smoke", seeds=3, settings=settings)
    assert {(trial.epochs, trial.milestones, trial.where) for trial in selection.trials} == {(5, (2, 4), "0")}
    assert len({trial.seed for trial in selection.trials}) == 3
    assert selection.command("plan") == (
        "rectifiers plan quickstart --preset smoke --seeds 3 --set epochs=5 --set 'milestones=[2, 4]' --set device=cpu "
        "--set 'where=\"0\"'"
    )
    assert not selection.experiment.preset("smoke").comparable
    assert selection.heading.endswith(' Changed: seeds=3, epochs=5, milestones=[2, 4], device=cpu, where="0".')
    assert lab.open(built(), preset="smoke").command("run") == "rectifiers.lab.run(experiment, preset='smoke')"


def test_rows_and_columns_limit_a_table() -> None:
    selection = lab.open("arelu/table1", preset="smoke", only=["AReLU", "ReLU", "SGD 1e-2"])
    assert {(cell.row, cell.column) for cell in selection.cells} == {("AReLU", "SGD 1e-2"), ("ReLU", "SGD 1e-2")}
    assert set(selection.trials) < set(lab.open("arelu/table1", preset="smoke").trials)
    assert selection.command("run").endswith("--only AReLU --only ReLU --only 'SGD 1e-2'")
    assert selection.heading == lab.open("arelu/table1", preset="smoke").heading


def test_a_label_that_no_row_or_column_has_is_named_with_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="unknown row or column of quickstart 'ArELU'; did you mean AReLU"):
        lab.open("quickstart", only="ArELU")


def test_kernels_are_the_fast_ones_where_a_table_is_begun(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CXX", "true")
    selection = lab.open("quickstart", preset="smoke", results=tmp_path)
    assert {trial.kernels for trial in selection.trials} == {"cpu-fused"}
    assert selection.kernels == "cpu-fused, the fast ones"
    assert "kernels" not in selection.heading + selection.command("run")


def test_kernels_stay_what_they_were_in_a_table_that_was_begun(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CXX", "true")
    begun = built(name="mine")
    by_reference = lab.open(begun, results=tmp_path, settings={"kernels": "reference"})
    by_reference.open_store().write(result(by_reference.trials[0]))
    found = lab.open(begun, results=tmp_path)
    assert found.trials == by_reference.trials
    assert found.kernels == "reference, which made the results there are"
    assert {trial.kernels for trial in lab.open(begun, preset="smoke", results=tmp_path).trials} == {"cpu-fused"}


def test_kernels_that_are_chosen_change_nothing_else() -> None:
    plain, chosen = (
        lab.open("quickstart", preset="smoke", settings=settings) for settings in (None, {"kernels": "reference"})
    )
    assert chosen.heading == plain.heading
    assert chosen.command("run") == "rectifiers run quickstart --preset smoke --kernels reference"
    assert chosen.kernels == "reference, as chosen"
    assert {trial.kernels for trial in chosen.trials} == {"reference"}
    assert lab.open("arelu/table1", preset="paper", settings={"kernels": "cpu"}).experiment.preset("paper").comparable


def test_kernels_that_an_experiment_compares_are_left_alone() -> None:
    rows = {"slow": {"activation": "arelu", "kernels": "reference"}, "fast": {"activation": "arelu", "kernels": "cpu"}}
    compared = lab.open(lab.experiment(rows, **SETTINGS), seeds=1)
    assert [trial.kernels for trial in compared.trials] == ["reference", "cpu"]
    assert compared.kernels == "as the experiment names them"
    with pytest.raises(ConfigError, match="settings cannot change kernels: that is what my-experiment compares"):
        lab.open(lab.experiment(rows, **SETTINGS), settings={"kernels": "cpu"})


def test_what_only_counts_needs_no_kernels() -> None:
    assert lab.open("convrelu/table6", preset="paper").kernels == "reference, for it only counts"


def test_places_come_from_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("RECTIFIERS_RESULTS", "elsewhere")
    monkeypatch.setenv("RECTIFIERS_DATA", str(tmp_path))
    selection = lab.open("quickstart")
    assert selection.folder == Path("elsewhere/quickstart")
    assert selection.data_dir == tmp_path
    assert lab.open("quickstart", results="here", data_dir="/there").report_path == Path("here/quickstart-pocket.html")


def test_a_selection_stays_as_it_is() -> None:
    selection = lab.open("quickstart", preset="smoke")
    assert lab.open(selection) is selection
    with pytest.raises(ConfigError, match="a selection has its preset, seeds, settings, rows and folders already"):
        lab.plan(selection, seeds=3)


def test_it_can_be_looked_at(tmp_path: Path) -> None:
    selection = lab.open(built(title="a < b"), results=tmp_path)
    for piece in ("my-experiment, preset full", "relu, arelu", "0 of 10 runs"):
        assert piece in str(selection)
        assert piece in selection._repr_html_()


@pytest.mark.parametrize(
    ("choice", "error", "message"),
    [
        ({"settings": {"seed": 1}}, ConfigError, "settings cannot choose the seed; seeds .--seeds. says how many"),
        ({"settings": {"epoch": 1}}, UnknownNameError, "unknown setting 'epoch'; did you mean epochs"),
        ({"settings": {"activation": "relu"}}, ConfigError, "settings cannot change activation: that is what"),
        ({"settings": {"lr": -1}}, ConfigError, "lr: expected more than 0, got -1"),
        ({"seeds": 0}, ConfigError, "seeds must be at least 1, got 0"),
        ({"seeds": "3"}, ConfigError, "seeds must be a whole number, got '3'"),
        ({"seeds": 1.5}, ConfigError, "seeds must be a whole number, got 1.5"),
        ({"settings": ["epochs=3"]}, ConfigError, r"settings must be a mapping, .*, got \['epochs=3'\]"),
        ({"results": __file__}, ConfigError, "results must be a folder, but .* is a file"),
        ({"data_dir": __file__}, ConfigError, "data_dir must be a folder, but .* is a file"),
        ({"preset": "smok"}, UnknownNameError, "did you mean smoke"),
    ],
)
def test_mistakes(choice: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        lab.open("quickstart", **choice)


def test_an_experiment_without_presets_is_refused() -> None:
    bare = Experiment("bare", "Bare", rows=built().rows, columns=built().columns)
    with pytest.raises(ConfigError, match=r"bare has no presets; build it with lab\.experiment"):
        lab.open(bare)


@pytest.mark.parametrize("act", [lab.plan, lab.run], ids=["plan", "run"])
@pytest.mark.parametrize(("workers", "said"), [(0, "at least 1, got 0"), ("2", "a whole number, got '2'")])
def test_numbers_of_workers_that_are_none_are_refused(act: Any, workers: Any, said: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=f"workers must be {said}"):
        act("quickstart", preset="smoke", workers=workers, results=tmp_path)


def test_a_value_that_is_nested_too_deeply_is_a_text() -> None:
    with pytest.raises(ConfigError, match="trial: milestones: expected a list"):
        lab.open("quickstart", preset="smoke", settings={"milestones": "[" * 100_000})
