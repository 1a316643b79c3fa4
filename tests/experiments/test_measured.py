"""The number of workers that is found while they work: on machines that are imagined, and once on this one."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import pytest

from rectifiers.core.errors import ConfigError
from rectifiers.experiments import measured
from rectifiers.experiments.measured import Rates
from rectifiers.experiments.run_trial import run_trial
from rectifiers.experiments.runner import Progress, run
from rectifiers.experiments.store import Store
from rectifiers.experiments.trial import Trial

from .samples import cells, outcome, tiny

KINDS = {tiny(): 1.0, tiny(activation="crelu"): 2.5, tiny(activation="relu", epochs=3): 0.4}
"""How much longer than others trials of each kind take."""


def simulate(
    speed: Callable[[int], float],
    length: float,
    *,
    limit: int = 16,
    fits: Callable[[int], bool] = lambda more: True,
    seconds: float = 300.0,
) -> tuple[int, list[int]]:
    """Work on a machine that is imagined; how many workers there are in the end, and which numbers were tried.

    Args:
        speed: of each of n workers, 1 for one that is alone.
        length: seconds of the shortest kind of trial there.
        limit: workers at most.
        fits: as for `Rates`.
        seconds: for how long.
    """
    now = 0.0
    tried: list[int] = []
    rates = Rates(limit, fits, lambda count, why: tried.append(count), lambda: now)
    kinds = list(KINDS.items())
    at: dict[int, tuple[float, float, Trial]] = {}
    told: dict[int, float] = {}
    begun, tick = 0, min(0.05, 0.02 * length)
    while now < seconds:
        for worker in range(rates.count):
            if worker not in at:
                trial, factor = kinds[begun % len(kinds)]
                # A process takes a while to start.
                at[worker] = (0.0 if worker in told else -5.0, length * factor, trial)
                told[worker] = now
                rates.begin(worker, trial.with_seed(begun))
                begun += 1
        now += tick
        for worker, (done, total, trial) in list(at.items()):
            done += tick * (speed(len(at)) if done >= 0 else 1.0)
            at[worker] = (done, total, trial)
            if done >= total:
                del at[worker]
                rates.hear(worker, "ended", "done")
            elif done > 0 and now - told[worker] >= 1.0:
                told[worker] = now
                rates.hear(worker, "beat", (int(1000 * done), 60.0))
    return rates.count, tried


@pytest.mark.parametrize("length", [0.3, 2.0, 30.0, 10**6])
@pytest.mark.parametrize(
    ("speed", "best"),
    [
        (lambda n: 1.0, {16}),
        (lambda n: min(1.0, 4 / n), {4}),
        (lambda n: min(1.0, 3 / n), {4}),
        (lambda n: 1 / n, {1}),
        (lambda n: n**-1.3, {1}),
    ],
    ids=["each has a core", "four cores", "three cores", "one core", "they hinder each other"],
)
def test_as_many_as_get_most_done(speed: Callable[[int], float], best: set[int], length: float) -> None:
    found, tried = simulate(speed, length)
    assert found in best, tried
    assert tried[: int(math.log2(found))] == [2**power for power in range(1, 1 + int(math.log2(found)))]


def test_no_more_than_memory_and_processors_allow() -> None:
    # There is room for five: 1, 2, 4, and one more.
    room = {"left": 4}

    def fits(more: int) -> bool:
        return more <= room["left"]

    tried: list[int] = []

    def speed(n: int) -> float:
        room["left"] = 5 - n
        tried.append(n)
        return 1.0

    assert simulate(speed, 1.0, fits=fits)[0] == 5
    assert max(tried) == 5
    assert simulate(lambda n: 1.0, 1.0, limit=3)[0] == 3
    assert simulate(lambda n: 1.0, 1.0, limit=1) == (1, [])


def test_where_nothing_compares_more_are_taken_on_trust(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each trial is of another kind, and too short to tell its steps."""
    now = 0.0
    rates = Rates(2, clock=lambda: now)
    for number in range(100):
        for worker in range(rates.count):
            rates.begin(worker, tiny(lr=0.1 + 0.001 * (2 * number + worker)))
        now += 1.0
        for worker in range(rates.count):
            rates.hear(worker, "ended", "done")
    assert rates.count == 2


@pytest.mark.parametrize("dies", [False, True])
def test_a_worker_that_dies_is_forgotten(dies: bool) -> None:
    """What it still says tells nothing, so that no more workers are taken on."""
    now = 0.0
    rates = Rates(4, clock=lambda: now)
    rates.begin("a", tiny())
    if dies:
        rates.lose("a")
    for step in range(1, 200):
        now += 1.0
        rates.hear("a", "beat", (step, 60.0))
    assert (rates.count == 1) == dies


def test_another_place_is_not_measured(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="measures this machine; give a number of workers elsewhere"):
        run(cells(tiny()), Store(tmp_path, "sweep"), workers="auto", place=object())  # type: ignore[arg-type]


@pytest.mark.slow
def test_results_do_not_depend_on_the_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measured, "SETTLE", 0.5)
    monkeypatch.setattr(measured, "TRUST", 1.0)
    trials = [tiny(seed=seed) for seed in range(40)]
    store, said, numbers = Store(tmp_path, "sweep"), list[str](), set[int | None]()

    def note(progress: Progress) -> None:
        numbers.add(progress.workers)

    progress = run(
        cells(*trials), store, workers="auto", on_progress=note, on_event=lambda text, urgent: said.append(text)
    )
    assert (progress.done, progress.failed) == (40, {})
    for trial in trials[::10]:
        kept = store.read(trial)
        assert kept is not None
        assert outcome(kept) == outcome(run_trial(trial))
    choices = [text for text in said if " workers: " in text or " worker: " in text]
    assert numbers == {None, *(int(text.split()[0]) for text in choices)}
