"""Progress: rates, the time left, and few lines where there is no terminal."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest

from rectifiers.experiments.runner import Progress
from rectifiers.experiments.trial import Trial
from rectifiers.lab.progress import Pace, describe, in_notebook, show_progress

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
    assert str(pace) == "10 per minute, about 2.0 min left"
    clock.now += 30  # nothing has finished since, but time went by
    assert str(pace) == "10 per minute, about 90 s left"


def test_one_run_alone_has_no_rate_and_many_have_one_without_an_exponent() -> None:
    clock = Clock()
    pace = Pace(clock)
    clock.now += 0.03
    pace.update(Progress(total=1, kept=0, done=1))
    assert str(pace) == ""
    pace.update(Progress(total=3, kept=0, done=2))
    assert str(pace).startswith("4,000 per minute")


def test_counts_in_words() -> None:
    progress = Progress(total=40, kept=10, done=5, diverged=1, failed={TRIAL: "RuntimeError"})
    assert describe(progress) == "15 of 40 runs, 1 diverged, 1 failed"


def test_plain_lines_are_few(capsys: pytest.CaptureFixture[str]) -> None:
    with show_progress(100) as report:
        for done in range(101):
            report(Progress(total=100, kept=0, done=done))
    lines = capsys.readouterr().err.splitlines()
    with show_progress(1, what="screening") as report:
        report(Progress(total=1, kept=0, done=1))
    assert capsys.readouterr().err == "screening: 1 of 1 run\n"
    assert lines[0] == "0 of 100 runs"
    assert lines[-1].startswith("100 of 100 runs")
    assert len(lines) <= 3


def test_a_notebook_gets_one_line_that_changes(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    kernel = SimpleNamespace(get_ipython=lambda: SimpleNamespace(kernel=None))
    monkeypatch.setitem(sys.modules, "IPython", kernel)  # type: ignore[arg-type]
    with show_progress(4) as report:
        for done in range(5):
            report(Progress(total=4, kept=0, done=done))
    out, err = capsys.readouterr()
    assert err == ""
    first, *others = out.split("\r")[1:]
    assert first.rstrip() == "0 of 4 runs"
    assert others[-1].startswith("4 of 4 runs")
    assert out.count("\n") == 1
    assert out.endswith("\n")


def test_a_terminal_of_ipython_is_no_notebook(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=object))  # type: ignore[arg-type]
    assert not in_notebook()


def test_nothing_is_shown_if_nobody_wants_it(capsys: pytest.CaptureFixture[str]) -> None:
    with show_progress(1, hidden=True) as report:
        report(Progress(total=1, kept=0, done=1))
    assert capsys.readouterr() == ("", "")
