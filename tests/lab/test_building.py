"""Rows and columns as a user would write them."""

from __future__ import annotations

from typing import Any

import pytest

from rectifiers import lab
from rectifiers.core.errors import ConfigError

SETTINGS: dict[str, Any] = {"dataset": "digits", "network": "digits-conv", "lr": 0.1}


def test_rows_by_name_by_label_and_by_settings() -> None:
    by_name = lab.experiment(("relu", "arelu"), **SETTINGS)
    by_settings = lab.experiment([{"activation": "relu"}, {"activation": "arelu"}], **SETTINGS)
    assert by_name.rows == by_settings.rows
    by_label = lab.experiment({"ReLU": "relu", "slow": {"activation": "arelu", "lr": 0.01}}, **SETTINGS)
    assert [(arm.label, arm.settings) for arm in by_label.rows] == [
        ("ReLU", {"activation": "relu"}),
        ("slow", {"activation": "arelu", "lr": 0.01}),
    ]
    assert (by_name.baseline, by_label.baseline) == ("relu", "ReLU")


def test_columns_by_label_and_by_settings() -> None:
    labelled = lab.experiment(["relu"], {"fast": {"lr": 0.5}}, **SETTINGS)
    listed = lab.experiment(["relu"], [{"label": "fast", "lr": 0.5}], **SETTINGS)
    assert labelled.columns == listed.columns
    assert [column.label for column in lab.experiment(["relu"], **SETTINGS).columns] == ["all"]


def test_all_that_a_file_can_say() -> None:
    made = lab.experiment(
        ["relu", "arelu"],
        name="mine",
        title="Mine",
        seeds=2,
        metric="best_on_validation",
        margin=1,
        baseline="arelu",
        analysis="parameters",
        validation=0.1,
        **SETTINGS,
    )
    found = (made.name, made.title, made.metric, made.margin, made.baseline, made.analysis)
    assert found == ("mine", "Mine", "best_on_validation", 1.0, "arelu", "parameters")
    assert len(made.cells("full")) == 4


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"rows": "relu"}, "experiment: expected rows as a list or as label → settings, got 'relu'"),
        ({"rows": [3]}, "expected the name of an activation, or settings in rows, such as {'lr': 0.1}, got 3"),
        ({"rows": ["relu"], "columns": {"fast": 0.1}}, "expected settings in columns, such as {'lr': 0.1}, got 0.1"),
        ({"rows": ["arelux"]}, "experiment: unknown activation 'arelux'; did you mean arelu"),
        ({"rows": ["relu"], "epocs": 3}, "experiment: unknown setting 'epocs'; did you mean epochs"),
        ({"rows": ["relu"], "seeds": 0}, "experiment: seeds: .*, got 0"),
        ({"rows": ["relu"], "name": "../up"}, "experiment: name: expected a name of letters"),
    ],
)
def test_mistakes(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        lab.experiment(**{**SETTINGS, **arguments})
