"""What a report says of settings and provenance: what all share, and what differs."""

from __future__ import annotations

from rectifiers.report.protocol import ProvenanceFact, arm_settings, provenance, shared_settings

from .synthetic import experiment, outcomes


def test_shared_settings_are_those_in_which_all_trials_agree() -> None:
    made = experiment(columns=("one", "two"))
    settings = {setting.name: setting for setting in shared_settings([cell.trial for cell in made.cells("paper")])}
    assert settings["lr"].value == "0.01"
    assert settings["nesterov"].value == "no"
    assert settings["lr"].meaning == "learning rate"
    assert not {"activation", "batch_size", "seed"} & set(settings)
    assert shared_settings([]) == []


def test_arms_that_take_part_are_listed_with_what_they_set() -> None:
    assert arm_settings(experiment().rows, ["AReLU"]) == [("AReLU", "activation = arelu")]


def test_provenance_is_merged_over_the_runs() -> None:
    results = [result for _, result in outcomes(experiment(seeds=2)) if result is not None]
    facts = {fact.name: fact for fact in provenance(results)}
    assert facts["versions.torch"].text == "2.10.0"
    assert facts["started"].values == [("0", 3), ("1", 3)]
    assert facts["started"].text == "0 (3 runs), 1 (3 runs)"


def test_many_values_become_a_range_by_size() -> None:
    assert (
        ProvenanceFact("seconds", [(str(n), 1) for n in (10, 9, 100, 2, 1)]).text == "5 different values, from 1 to 100"
    )
