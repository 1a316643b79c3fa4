"""A sweep on a simulated cluster whose workers and machines die: each trial ends once, and in good time."""

from __future__ import annotations

import json

import pytest

from benchmarks.cluster import PAGE, RESULTS, simulate, to_markdown


@pytest.mark.parametrize(
    ("runners", "life", "most"),
    [
        pytest.param(1, 24, 1.05, marks=pytest.mark.slow),
        (5, 24, 1.05),
        # A worker dies in every third of its trials, or a machine each hour; work since the checkpoints is lost.
        pytest.param(1, 1, 1.2, marks=pytest.mark.slow),
        pytest.param(5, 1, 1.2, marks=pytest.mark.slow),
    ],
)
def test_each_trial_ends_once_and_nobody_waits_long(runners: int, life: int, most: float) -> None:
    found = simulate(trials=1000, workers=50, runners=runners, life=3600 * life)
    assert (found["finished"], found["finished_twice"]) == (1000, 0)
    assert found["deaths"] > (0 if life == 24 else 10)
    assert 1 <= found["ratio"] <= most
    # A millisecond on a machine of its own; this one may be busy with other tests.
    assert found["milliseconds_per_trial"] < 20


def test_what_machines_held_that_died_is_found_among_what_many_others_hold() -> None:
    found = simulate(trials=1200, workers=240, runners=12, life=2 * 3600)
    assert (found["finished"], found["finished_twice"]) == (1200, 0)
    assert found["deaths"] > 3
    # Five trials for each worker, of which the longest takes four times the mean.
    assert 1 <= found["ratio"] <= 1.5


def test_the_table_is_that_of_what_was_measured() -> None:
    kept = json.loads(RESULTS.read_text(encoding="utf-8"))
    assert f"\n\n{to_markdown(kept)}\n" in PAGE.read_text(encoding="utf-8")
