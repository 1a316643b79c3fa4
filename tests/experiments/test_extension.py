"""Files that add rows and columns to a published table, beside its printed numbers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from rectifiers import lab
from rectifiers.core.errors import ConfigError
from rectifiers.experiments.experiment import Experiment
from rectifiers.experiments.file import load_experiment
from rectifiers.papers import registry

WHOLE = """
extends = "arelu/table1"
name = "table1-and-mine"
title = "With mine"
rows = ["pvlu", { label = "AReLU, per channel", activation = "arelu", activation_args = { share = "channel" } }]
columns = [{ label = "SGD 1e-1", optimizer = "sgd", lr = 0.1 }]
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "mine.toml"
    path.write_text(text, encoding="utf-8")
    return path


def load(folder: Path, text: str) -> Experiment:
    return load_experiment(write(folder, text), registry.get)


def test_rows_and_columns_stand_beside_the_printed_ones(tmp_path: Path) -> None:
    base, made = registry.get("arelu/table1"), load(tmp_path, WHOLE)
    assert (made.name, made.title, made.folder) == ("table1-and-mine", "With mine", base.folder)
    assert [arm.label for arm in made.rows][-3:] == ["AReLU", "PVLU", "AReLU, per channel"]
    assert made.columns[-1].label == "SGD 1e-1"
    assert made.published is base.published
    for preset in base.presets:
        kept = [cell for cell in made.cells(preset, seeds=1) if cell in base.cells(preset, seeds=1)]
        assert kept == list(base.cells(preset, seeds=1))
    trials = {(cell.row, cell.column): cell.trial for cell in made.cells("paper", seeds=1)}
    mine = trials["AReLU, per channel", "SGD 1e-1"]
    assert (mine.activation, mine.activation_args, mine.lr) == ("arelu", (("share", "channel"),), 0.1)
    assert len(trials) == 21 * 9


def test_it_is_an_experiment_like_all_others(tmp_path: Path, own_file: Callable[..., Path]) -> None:
    path = write(tmp_path, 'extends = "arelu/table1"\nrows = ["MyAct"]')
    selection = lab.open(path, preset="paper", own=[f"{own_file()}:MyAct"], results=tmp_path / "runs")
    assert [arm.label for arm in selection.experiment.rows][-2:] == ["AReLU", "MyAct"]
    assert selection.experiment.name == "arelu/table1"
    table = lab.table(selection).table
    assert table.cells["AReLU", "Adam 1e-2"].published == 98.0
    assert table.cells["MyAct", "Adam 1e-2"].published is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('extends = "arelu/tabel1"\nrows = ["pvlu"]', r"mine\.toml: unknown experiment .*; did you mean arelu/table1"),
        ('extends = "arelu/table1"', "it adds nothing to arelu/table1; write rows or columns"),
        ('extends = "arelu/table1"\nrows = ["pvlo"]', "unknown activation 'pvlo'; did you mean pvlu"),
        ('extends = "arelu/table1"\nrows = ["relu"]', "has a row 'ReLU' already; give yours another label"),
        ('extends = "arelu/table1"\nrows = [{ label = "mine" }]', "needs an activation, such as activation = 'pvlu'"),
        ('extends = "arelu/table1"\ncolumns = [{ lr = 0.1 }]', "needs a label"),
        ('extends = "arelu/table1"\nseeds = 3\nrows = ["pvlu"]', "unknown key 'seeds'"),
        (
            'extends = "arelu/table1"\ncolumns = [{ label = "SGD 1e-2", lr = 0.1 }]',
            "labels must be present and distinct",
        ),
        ('extends = "arelu/table1"\ncolumns = [{ label = "odd", dataset = "minst" }]', "did you mean mnist"),
        ('extends = "arelu/figure2"\nrows = ["pvlu"]', "does not compare activations; add columns"),
        ("extends = 3", "extends"),
    ],
)
def test_mistakes_name_the_file(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        load(tmp_path, text)
    assert "mine.toml" in str(caught.value)
