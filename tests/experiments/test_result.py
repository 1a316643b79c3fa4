"""A result's numbers: which epoch a rule chooses, and all of them through JSON."""

from __future__ import annotations

import math

import pytest

from rectifiers.experiments.result import METRICS, Metric, Result, Shape, Trajectory
from rectifiers.training.metrics import ACCURACY, Measure

from .samples import epoch, result, tiny

EPOCHS = [epoch(1, 80.0, 70.0), epoch(2, 95.0, 85.0), epoch(3, 91.0, 90.0), epoch(4, 92.0, 90.0), epoch(5, 90.0, 60.0)]


@pytest.mark.parametrize(
    ("metric", "value"),
    [("first_epoch", 80.0), ("final_epoch", 90.0), ("best_on_validation", 91.0), ("best_on_test", 95.0)],
)
def test_rules_choose_different_epochs(metric: Metric, value: float) -> None:
    """On validation data epochs 3 and 4 are equally good; the earlier one counts."""
    assert result(epochs=EPOCHS).value(metric) == value


def test_best_is_the_least_where_less_is_better() -> None:
    error = Measure("RMSE", higher_is_better=False)
    assert result(epochs=EPOCHS, measure=error).value("best_on_validation") == 90.0
    assert result(epochs=EPOCHS, measure=error).value("best_on_test") == 80.0


def test_results_that_say_nothing_tell_accuracies() -> None:
    old = result(epochs=EPOCHS).model_dump_json(exclude={"measure"})
    assert Result.model_validate_json(old).measure == ACCURACY


@pytest.mark.parametrize("metric", METRICS)
def test_diverged_has_no_value(metric: Metric) -> None:
    assert math.isnan(result(epochs=EPOCHS, status="diverged").value(metric))
    assert math.isnan(result(epochs=[], status="diverged").value(metric))


def test_numbers_besides_the_accuracy_on_test_data() -> None:
    last = epoch(1, 80.0).model_copy(update={"test_top5": 97.0, "train_accuracy": 75.0})
    assert result(epochs=[last]).value("final_top5") == 97.0
    assert result(epochs=[epoch(1, 70.0), last]).value("final_train") == 75.0
    assert math.isnan(result(epochs=[epoch(1, 80.0)]).value("final_top5"))


def test_counts_need_no_epoch() -> None:
    untrained = result(epochs=[], parameters=1_020, activation_parameters=20)
    assert untrained.value("parameters") == 1_020
    assert untrained.value("activation_share") == 2.0
    # Activations alone, such as a network of nothing else.
    assert math.isnan(result(parameters=6, activation_parameters=6).value("activation_share"))
    assert math.isnan(untrained.value("final_epoch"))


def test_no_validation_data_no_value() -> None:
    assert math.isnan(result(epochs=[epoch(1, 80.0)]).value("best_on_validation"))


def test_no_skill_on_validation_data_still_chooses() -> None:
    assert result(epochs=[epoch(1, 10.0, 0.0), epoch(2, 20.0, 0.0)]).value("best_on_validation") == 10.0


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf, 0.1 + 0.2])
def test_every_number_survives_json(number: float) -> None:
    values = [number, 1.0]
    given = result(
        tiny(activation_args={"alpha": 0.5}, milestones=(1, 2)),
        status="diverged",
        epochs=[epoch(1, 9.8, test_loss=number)],
        shapes=[Shape(layer="1", x=[0.0, 1.0], before=values, after=values, after_low=values, after_high=values)],
        trace=Trajectory(steps=[0, 1], values={"1.alpha": values}),
        provenance={"seconds": 1.5, "torch": "2.10.0"},
    )
    for text in (given.model_dump_json(), given.model_dump_json(exclude_defaults=True)):
        assert repr(Result.model_validate_json(text)) == repr(given)
