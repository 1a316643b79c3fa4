"""Progress: rates, the time left, and few lines where there is no terminal."""

from __future__ import annotations

import pytest

from rectifiers.cli.progress import Pace, describe, shown
from rectifiers.experiments.runner import Progress
from rectifiers.experiments.trial import Trial

TRIAL = Trial(dataset="digits", network="digits-conv", activation="relu", lr=0.1)


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_rate_and_time_left() -> None:
    clock = Clock()
    pace = Pace(clock)
    assert str(pace) == ""
    clock.now += 60
    pace.update(Progress(total=40, kept=10, done=10))
    assert str(pace) == "10 per minute, about 2 min left"
    clock.now += 30  # nothing has finished since, but time went by
    assert str(pace) == "10 per minute, about 90 s left"


def test_counts_in_words() -> None:
    progress = Progress(total=40, kept=10, done=5, diverged=1, failed={TRIAL: "RuntimeError"})
    assert describe(progress) == "15 of 40 trainings, 1 diverged, 1 failed"


def test_plain_lines_are_few(capsys: pytest.CaptureFixture[str]) -> None:
    with shown(100) as report:
        for done in range(101):
            report(Progress(total=100, kept=0, done=done))
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "0 of 100 trainings"
    assert lines[-1].startswith("100 of 100 trainings")
    assert len(lines) <= 3
