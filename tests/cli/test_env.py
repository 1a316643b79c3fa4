"""`rectifiers env`: what is installed and where folders are, for people and programs."""

from __future__ import annotations

import json

import pytest
import torch

from rectifiers import __version__
from rectifiers.kernels import stems

from .conftest import Cli


def test_for_programs(cli: Cli) -> None:
    facts = json.loads(cli("env", "--json").out)
    assert facts["versions"]["rectifiers"].startswith(__version__)
    assert facts["versions"]["torch"] == torch.__version__.partition("+")[0]
    assert facts["machine"]["devices"][0] == "cpu"
    assert all(text.startswith(("cpu kernel, ", "reference, ")) for text in facts["kernels"].values())
    assert set(facts["kernels"]) == stems.STEMS
    assert facts["data"]["digits"] == "ready"
    assert facts["data"]["mnist"].startswith("missing train-images-idx3-ubyte.gz")


def test_folders_come_from_the_environment(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECTIFIERS_DATA", "my-data")
    monkeypatch.setenv("RECTIFIERS_RESULTS", "my-runs")
    outcome = cli("env")
    assert "my-data" in outcome.out
    assert "my-runs" in outcome.out
