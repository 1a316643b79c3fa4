"""What sweeps cost beside their trainings: the table of the documentation, and what a finished sweep may hold."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import scale


def test_the_page_holds_what_was_measured() -> None:
    kept = json.loads(scale.RESULTS.read_text(encoding="utf-8"))
    assert scale.to_markdown(kept["finished"]) in scale.PAGE.read_text(encoding="utf-8")


def test_a_listing_of_all_papers_holds_little(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scale, "TIMES", 1)
    monkeypatch.setattr(scale, "BYTECODE", tmp_path / "bytecode")
    # PyTorch alone would be more, where it comes with CUDA.
    assert 0 < scale.time_command(["list", "papers"], tmp_path)["gigabytes"] < 0.25


def test_overhead_is_what_workers_do_between_trainings(tmp_path: Path) -> None:
    watch = scale.Watch()
    # Two workers: one ends a, and gets c a second later; the other one ends b, and gets d at once, which it ends last.
    watch.begun = {"a": 0.0, "b": 0.0, "c": 11.0, "d": 12.0}
    watch.ended = {"a": 10.0, "b": 12.0, "c": 22.0, "d": 52.0}
    for name, seconds in {"a": 5.0, "b": 5.0, "c": 10.0, "d": 38.0}.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "result.json").write_text(json.dumps({"provenance": {"seconds": seconds}}))
    assert watch.overhead(tmp_path, 2) == pytest.approx((1 + 1 + 0 + 2) / 48)


def test_a_watch_notes_what_the_runner_says() -> None:
    watch = scale.Watch()
    watch("0123 begins: dataset=digits", False)
    watch("0123 epoch 1 of 2", False)
    watch("0123 ended after 1.0 s: done", False)
    assert list(watch.begun) == list(watch.ended) == ["0123"]
    assert watch.begun["0123"] <= watch.ended["0123"]
