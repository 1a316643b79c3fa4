"""What a watched training tells, and how it stops."""

from __future__ import annotations

from typing import Any

import pytest

from rectifiers.experiments import pulse
from rectifiers.experiments.pulse import Pulse, StoppedError, watched
from rectifiers.experiments.run_trial import run_trial

from .samples import epoch, outcome, tiny


class Clock:
    now = 100.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(pulse, "time", clock)
    return clock


def test_patience_follows_from_what_was_measured(clock: Clock) -> None:
    told: list[tuple[str, Any]] = []
    watch = Pulse(lambda word, value: told.append((word, value)))
    watch.on_step(0)
    for step in (1, 2):
        clock.now += 3
        watch.on_step(step)
    clock.now += 50
    watch.on_epoch(epoch(1, 90.0))
    clock.now += 3
    watch.on_step(3)
    assert told == [
        ("beat", (1, pulse.UNKNOWN)),
        ("beat", (2, pulse.UNKNOWN)),
        ("epoch", (1, 90.0, 1000.0)),
        ("beat", (3, 1000.0)),
    ]


def test_how_fast_one_training_was_says_nothing_of_the_next(clock: Clock) -> None:
    """Else the first evaluation of a large network would be taken for a hang, after small ones."""
    told: list[tuple[str, Any]] = []
    watch = Pulse(lambda word, value: told.append((word, value)))
    for _ in range(2):
        watch.on_step(0)
        clock.now += 0.1
        watch.on_step(1)
        clock.now += 0.1
        watch.on_epoch(epoch(1, 90.0))
    assert told == [
        ("epoch", (1, 90.0, pulse.LEAST)),
        ("beat", (0, pulse.UNKNOWN)),
        ("epoch", (1, 90.0, pulse.LEAST)),
    ]


def test_nor_does_it_of_one_that_goes_on_from_a_checkpoint(clock: Clock) -> None:
    told: list[tuple[str, Any]] = []
    watch = Pulse(lambda word, value: told.append((word, value)))
    for _ in range(2):
        with watched(watch):
            watch.on_step(7)
            watch.on_epoch(epoch(1, 90.0))
    assert told[-2:] == [("beat", (7, pulse.UNKNOWN)), ("epoch", (1, 90.0, pulse.LEAST))]


def test_epochs_that_a_checkpoint_recalls_are_not_told(clock: Clock) -> None:
    told: list[tuple[str, Any]] = []
    watch = Pulse(lambda word, value: told.append((word, value)))
    clock.now += 500
    for number in (1, 2, 3):
        watch.on_epoch(epoch(number, 90.0))
    clock.now += 2
    watch.on_step(100)
    clock.now += 2
    watch.on_epoch(epoch(4, 91.0))
    # Nor does the time before count as that of an evaluation.
    assert told == [("beat", (100, pulse.UNKNOWN)), ("epoch", (4, 91.0, 200.0))]


def test_fast_steps_are_told_now_and_then(clock: Clock) -> None:
    told: list[str] = []
    watch = Pulse(lambda word, value: told.append(word))
    for step in range(1000):
        clock.now += 0.01
        watch.on_step(step)
    assert 9 <= len(told) <= 10


def test_a_training_stops_at_its_next_step_and_others_are_not_touched() -> None:
    watch = Pulse(lambda word, value: None)
    steps: list[int] = []
    real = watch.on_step

    def on_step(step: int) -> None:
        steps.append(step)
        watch.stopping = step == 2
        real(step)

    watch.on_step = on_step
    with watched(watch), pytest.raises(StoppedError):
        run_trial(tiny())
    assert steps == [0, 1, 2]
    assert outcome(run_trial(tiny())) == outcome(run_trial(tiny()))


def test_waiting_for_room_ends(clock: Clock) -> None:
    told: list[tuple[str, Any]] = []
    watch = Pulse(lambda word, value: told.append((word, value)))
    assert not pulse.wait_for_room("full", clock.now)
    with watched(watch):
        since, times = clock.now, 0
        while pulse.wait_for_room("full", since):
            times += 1
        assert told == [("waiting", "full")] * times
        assert clock.now - since == pytest.approx(pulse.ROOM, abs=2 * pulse.RETRY)
        watch.stopping = True
        with pytest.raises(StoppedError):
            pulse.wait_for_room("full", clock.now)
