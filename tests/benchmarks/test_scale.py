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
