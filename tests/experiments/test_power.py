"""Power calculations against simulated runs, and the plans that print them."""

from __future__ import annotations

import random
import statistics

import pytest
from scipy import stats

from rectifiers import lab
from rectifiers.experiments.power import Power
from rectifiers.experiments.statistics import POWER
from rectifiers.papers import registry

DECIDING = [name for name in registry if registry.get(name).power]


def test_a_difference_of_the_detectable_size_is_found_as_often_as_said() -> None:
    draw, pairs = random.Random(0), 8
    power = Power(effect=2.0, spread=0.7, source="a test")
    true = power.detectable(pairs)
    found = 0
    for _ in range(2000):
        differences = [draw.gauss(true, power.spread) for _ in range(pairs)]
        error = statistics.stdev(differences) / pairs**0.5
        found += abs(statistics.fmean(differences)) / error > stats.t.ppf(0.975, pairs - 1)
    assert found / 2000 == pytest.approx(POWER, abs=0.03)


def test_it_says_when_nothing_would_find_it() -> None:
    assert "takes more pairs than anybody runs" in Power(0.001, 5.0, "a guess").describe(3)[1]


@pytest.mark.parametrize("name", DECIDING)
def test_experiments_that_decide_have_the_seeds_for_it(name: str) -> None:
    experiment = registry.get(name)
    assert experiment.power is not None
    assert experiment.power.suffices(experiment.preset("pocket").seeds)
    assert experiment.published is not None
    assert experiment.power.effect in experiment.published.stated.values()


def test_the_plan_prints_the_calculation() -> None:
    plan = lab.plan("decide/arelu", preset="smoke", results="nowhere")
    first, second = plan.to_dict()["power"]
    assert first.startswith("2 pairs find a difference of ")
    assert f"power      {first}\n           {second}\n" in str(plan)
    assert lab.plan("quickstart", preset="smoke", results="nowhere").to_dict()["power"] == []
