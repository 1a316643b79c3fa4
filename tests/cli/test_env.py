"""`rectifiers env`: what is installed and where folders are, for people and programs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from rectifiers import __version__
from rectifiers.kernels.formulas import VARIANTS

from .conftest import Cli


def test_for_programs(cli: Cli) -> None:
    facts = json.loads(cli("env", "--json").out)
    assert facts["versions"]["rectifiers"].startswith(__version__)
    assert facts["versions"]["torch"] == torch.__version__.partition("+")[0]
    assert facts["machine"]["devices"][0] == "cpu"
    assert all(text.startswith(("cpu kernel, ", "reference, ")) for text in facts["kernels"].values())
    assert set(facts["kernels"]) == set(VARIANTS)
    assert facts["data"]["digits"] == "ready"
    assert facts["data"]["mnist"].startswith("missing train-images-idx3-ubyte.gz")


def test_folders_come_from_the_environment(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECTIFIERS_DATA", "my-data")
    monkeypatch.setenv("RECTIFIERS_RESULTS", "my-runs")
    outcome = cli("env")
    assert "my-data" in outcome.out
    assert "my-runs" in outcome.out


def test_counts_results_in_files_of_their_own_and_packed(cli: Cli, tmp_path: Path) -> None:
    for name in ("loose", "packed", "stranger"):
        (tmp_path / "runs" / name).mkdir(parents=True)
    for name in ("loose", "packed"):
        (tmp_path / "runs" / name / "store.json").write_text("{}")
    (tmp_path / "runs" / "loose" / "0123").mkdir()
    (tmp_path / "runs" / "loose" / "0123" / "result.json").write_text("{}")
    (tmp_path / "runs" / "packed" / "results.jsonl").write_text("{}\n" * 1200)
    facts = json.loads(cli("env", "--json").out)
    assert facts["results"] == {"folder": "runs", "experiments": ["loose (1)", "packed (1,200)"]}
