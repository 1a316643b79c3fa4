"""Workers are spread over the GPUs of a machine."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
import torch

from rectifiers.experiments.gpus import VARIABLE, seeing, spare_gpus

from .samples import tiny


@pytest.fixture(autouse=True)
def two_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)


def test_trials_on_whichever_gpu_are_spread_over_all(monkeypatch: pytest.MonkeyPatch) -> None:
    assert spare_gpus([tiny(), tiny(device="cuda")]) == ["0", "1"]
    monkeypatch.setenv(VARIABLE, "5, GPU-8932f937")
    assert spare_gpus([tiny(device="cuda")]) == ["5", "GPU-8932f937"]


def test_trials_that_choose_are_left_alone() -> None:
    assert spare_gpus([tiny()]) == []
    assert spare_gpus([tiny(device="cuda"), tiny(device="cuda:1")]) == []


@pytest.mark.parametrize("before", ["0,1", None])
def test_a_process_sees_one(before: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    if before is not None:
        monkeypatch.setenv(VARIABLE, before)
    with seeing("1"):
        code = f"import os; print(os.environ[{VARIABLE!r}])"
        assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "1\n"
    assert os.environ.get(VARIABLE) == before
    with seeing(None):
        assert os.environ.get(VARIABLE) == before
