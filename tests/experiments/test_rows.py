"""Another activation beside the rows of an experiment, and under their conditions."""

from __future__ import annotations

import pytest

from rectifiers.core.errors import ConfigError
from rectifiers.experiments.experiment import Experiment
from rectifiers.experiments.rows import add_row
from rectifiers.experiments.trial import Trial
from rectifiers.papers import registry


def trial_of(experiment: Experiment, preset: str, row: str, column: str) -> Trial:
    return next(cell.trial for cell in experiment.cells(preset, seeds=1) if (cell.row, cell.column) == (row, column))


def changed(first: Trial, second: Trial) -> set[str]:
    return {name for name in Trial.model_fields if getattr(first, name) != getattr(second, name)}


COMPARING = [name for name in registry.names() if any("activation" in arm.settings for arm in registry.get(name).rows)]


@pytest.mark.parametrize("name", COMPARING)
def test_every_table_takes_a_row_and_leaves_the_others(name: str) -> None:
    before = registry.get(name)
    after = add_row(before, "SELU of mine", "selu")
    if any(arm.settings.get("activation") == "selu" for arm in before.rows):
        assert after is before
        return
    for preset in before.presets:
        old, new = before.cells(preset, seeds=1), after.cells(preset, seeds=1)
        assert [cell for cell in new if cell.row != "SELU of mine"] == list(old)
        added = [cell for cell in new if cell.row == "SELU of mine"]
        assert {cell.column for cell in added} == {cell.column for cell in old}
        assert {cell.trial.activation for cell in added} == {"selu"}


def test_the_row_differs_from_the_baseline_in_its_function_alone() -> None:
    table = add_row(registry.get("arelu/table2"), "mine", "slaf")
    mine, relu = (trial_of(table, "paper", row, table.columns[-1].label) for row in ("mine", "ReLU"))
    assert changed(mine, relu) == {"activation", "start"}
    assert mine.start is not None
    assert relu.start is not None
    assert (mine.start.activation, changed(mine.start, relu.start)) == ("slaf", {"activation"})


def test_where_functions_are_put_into_a_trained_network_so_is_the_new_one() -> None:
    table = add_row(registry.get("pvlu/vgg"), "mine", "prelu")
    mine, pvlu = (trial_of(table, "paper", row, "VGG-16") for row in ("mine", "PVLU (ours)"))
    assert changed(mine, pvlu) == {"activation", "activation_args"}
    assert mine.activation_args == (("relu_like", True),)
    assert mine.start == pvlu.start
    assert mine.trained == "activations"


def test_an_experiment_that_compares_something_else_stays() -> None:
    figure = registry.get("arelu/figure2")
    assert add_row(figure, "SELU", "selu") is figure


def test_a_label_that_is_taken() -> None:
    with pytest.raises(ConfigError, match="arelu/table2 has a row called 'ReLU' already; give yours another title"):
        add_row(registry.get("arelu/table2"), "ReLU", "slaf")
