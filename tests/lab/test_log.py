"""The log of a run: every line in a file, the urgent ones on stderr, and a sign of life there now and then."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from rectifiers.lab import log as module
from rectifiers.lab.log import Log


def test_every_line_has_its_time_and_process(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = Log(tmp_path / "log.txt")
    log("one begins")
    log("it failed:\nout of room", urgent=True)
    assert capsys.readouterr().err == "it failed:\nout of room\n"
    lines = (tmp_path / "log.txt").read_text().splitlines()
    assert [line.split(maxsplit=2)[2] for line in lines] == ["one begins", "it failed:", "out of room"]
    assert all(re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d \S+:\d+ ", line) for line in lines)


def test_a_sign_of_life_where_no_bar_shows_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    log = Log(tmp_path / "log.txt")
    log("epoch 1 of 9")
    monkeypatch.setattr(module, "SIGN_OF_LIFE", 0.0)
    log("epoch 2 of 9")
    Log(tmp_path / "log.txt", hidden=True)("epoch 3 of 9", urgent=True)
    assert capsys.readouterr().err == "epoch 2 of 9\n"
    assert (tmp_path / "log.txt").read_text().count("epoch") == 3


def test_a_log_that_cannot_be_written_is_no_obstacle(tmp_path: Path) -> None:
    Log(tmp_path / "nowhere" / "log.txt", hidden=True)("nobody reads this")
    Log(tmp_path, hidden=True)("nor this")
    assert not (tmp_path / "nowhere").exists()
