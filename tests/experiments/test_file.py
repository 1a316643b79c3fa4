"""An experiment in a file: defaults, the baseline, and every mistake named."""

from __future__ import annotations

from pathlib import Path

import pytest

from rectifiers.core.errors import ConfigError
from rectifiers.experiments.experiment import Experiment
from rectifiers.experiments.file import load_experiment

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "my-experiment.toml"

SMALLEST = """
name = "small"
rows = ["arelu", "relu"]
settings = { dataset = "digits", network = "digits-conv", lr = 0.01 }
"""


def load(tmp_path: Path, text: str) -> Experiment:
    path = tmp_path / "mine.toml"
    path.write_text(text, encoding="utf-8")
    return load_experiment(path)


def test_the_example_of_the_documentation() -> None:
    experiment = load_experiment(EXAMPLE)
    cells = experiment.cells("full")
    assert len(cells) == 4 * 2 * 5
    assert len({cell.trial.id for cell in cells}) == len(cells)
    start = next(cell for cell in cells if cell.row == "AReLU, α=0.9 β=2" and cell.column == "lr 0.001")
    assert start.trial.activation_args == (("alpha", 0.9), ("beta", 2.0))
    assert start.trial.lr == 0.001
    assert len(experiment.cells("smoke")) == 4 * 2 * 2


def test_the_mark_that_editors_begin_files_with(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(SMALLEST, encoding="utf-8-sig")
    marked = load_experiment(tmp_path / "mine.toml")
    plain = load(tmp_path, SMALLEST)
    assert [cell.trial for cell in marked.cells("full")] == [cell.trial for cell in plain.cells("full")]


def test_defaults(tmp_path: Path) -> None:
    experiment = load(tmp_path, SMALLEST)
    assert (experiment.title, experiment.baseline, experiment.metric) == ("small", "relu", "final_epoch")
    assert [column.label for column in experiment.columns] == ["all"]
    assert [cell.row for cell in experiment.cells("full", seeds=1)] == ["arelu", "relu"]
    assert len(experiment.cells("full")) == 10


def test_the_first_row_is_the_baseline_where_relu_is_not(tmp_path: Path) -> None:
    assert load(tmp_path, SMALLEST.replace('"relu"', '"elsa"')).baseline == "arelu"


def test_folds_are_validation_data(tmp_path: Path) -> None:
    text = SMALLEST.replace("settings", 'metric = "best_on_validation"\nsettings').replace("0.01", "0.01, folds = 5")
    assert load(tmp_path, text).metric == "best_on_validation"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('name = "small"', 'nmae = "small"', "unknown key 'nmae'; did you mean name"),
        ('name = "small"', "", "name: is required"),
        ('name = "small"', 'name = "../up"', r"name: expected a name of letters"),
        ('name = "small"', "name = small", "is not a TOML file: .*line 2"),
        ('rows = ["arelu", "relu"]', "", "rows: is required"),
        ('rows = ["arelu", "relu"]', "rows = []", r"rows: expected at least 1, got \[\]"),
        ('rows = ["arelu", "relu"]', "rows = [3]", r"rows.0: expected a table, .*, got 3"),
        ('rows = ["arelu", "relu"]', 'rows = ["relu", "relu"]', "row labels must be present and distinct"),
        ('rows = ["arelu", "relu"]', 'rows = ["arelux"]', "unknown activation 'arelux'; did you mean arelu"),
        ('"relu"', "{ lr = 0.1 }", "row .* needs a label"),
        (
            '"relu"',
            '{ activation = "relu", momentun = 0.9 }',
            "unknown setting of a row 'momentun'; did you mean momentum",
        ),
        ("lr = 0.01", "lr = 0.01, epocs = 3", "unknown setting 'epocs'; did you mean epochs"),
        ("lr = 0.01", "lr = 0.01, seed = 3", "unknown setting 'seed'"),
        ("lr = 0.01", "lr = -1", "lr: expected more than 0, got -1"),
        (", lr = 0.01", "", "lr: is required"),
        ('"digits-conv"', '"digits-cnov"', "unknown network 'digits-cnov'; did you mean digits-conv"),
        ('"digits",', '"digit",', "unknown data set 'digit'; did you mean digits"),
        ("settings", "seeds = 0\nsettings", "seeds: expected at least 1, got 0"),
        (
            "settings",
            'dataset = "digits"\nsettings',
            "'dataset' is a setting of the runs; write it in a row",
        ),
        ("settings", "seeds = 100001\nsettings", "seeds: expected at most 100000, got 100001"),
        ("settings", "seeds = true\nsettings", "seeds: expected a whole number, got True"),
        ("settings", "margin = -1\nsettings", "margin: expected at least 0"),
        ("settings", 'baseline = "rleu"\nsettings', "unknown baseline 'rleu'; did you mean relu"),
        ("settings", 'metric = "last"\nsettings', "metric: expected 'first_epoch'"),
        ("settings", 'metric = "best_on_validation"\nsettings', "needs validation data"),
        (
            "lr = 0.01",
            'lr = 0.01, pretrained = "alexnet-imagenet1k-v1"',
            "alexnet-imagenet1k-v1 are weights of 'alexnet', got network 'digits-conv'",
        ),
        ("settings", "columns = [{ lr = 0.1 }]\nsettings", "column .* needs a label"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert old in SMALLEST
    with pytest.raises(ConfigError, match=message) as caught:
        load(tmp_path, SMALLEST.replace(old, new, 1))
    assert "mine.toml" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            'rows = ["arelu", "relu"]',
            r'rows = [{label = "a\u001b[31m", activation = "relu"}]',
            r"row: expected a label",
        ),
        ('rows = ["arelu", "relu"]', r'rows = [{label = "a\nb", activation = "relu"}]', r"row: expected a label"),
        ('name = "small"', 'name = "small"\ntitle = "a\\u0000"', "title: expected one line without control characters"),
        ('name = "small"', "name = " + "[" * 3000 + "]" * 3000, "is nested too deeply"),
        ('name = "small"', "seeds = " + "1" * 5000, "is not a TOML file"),
        ("lr = 0.01", "lr = 0.01, start = 5", r"start: expected a table of settings, such as \{epochs = 5\}, got 5"),
        ("lr = 0.01", "lr = 0.01, start = {start = [1]}", r"start: expected a table of settings, .*, got \[1\]"),
        ('dataset = "digits"', r'dataset = "npz:\u001b[31m.npz"', "data: expected a path that can be printed"),
        ('dataset = "digits"', r'dataset = "npz:~nosuchuser/x.npz"', "data: cannot find '~nosuchuser/x.npz'"),
    ],
    ids=["escape", "two lines", "title", "deep", "long", "start", "its start", "path", "nobody's home"],
)
def test_what_would_break_a_report_or_a_terminal_is_refused(tmp_path: Path, old: str, new: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load(tmp_path, SMALLEST.replace(old, new))


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"cannot read .*nowhere\.toml: No such file"):
        load_experiment(tmp_path / "nowhere.toml")


def test_a_file_that_is_not_text(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match=r"mine\.toml is not a TOML file"):
        load_experiment(path)
