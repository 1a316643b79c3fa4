"""The short form of `make chaos`: nothing is lost in the faults that need no luck, nor when everything is killed."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).parents[1] / "benchmarks" / "chaos.py"


@pytest.fixture(scope="module")
def chaos() -> ModuleType:
    spec = importlib.util.spec_from_file_location("chaos", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [
        "a result cut at every length",
        "a claim cut at every length",
        "clocks that jump",
        "data replaced under a run",
        "a folder of another version",
    ],
)
def test_faults_whose_moment_does_not_matter(chaos: ModuleType, tmp_path: Path, name: str) -> None:
    attempt, at_random = chaos.FAULTS[name]
    assert not at_random
    assert attempt(tmp_path, {}) == 0


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc").exists(), reason="finds workers in /proc")
def test_faults_at_a_random_moment() -> None:
    faults = [word for name in ("runner and workers killed", "SIGTERM") for word in ("--only", name)]
    ended = subprocess.run(
        [sys.executable, str(SCRIPT), "--times", "1", *faults], capture_output=True, text=True, check=False, timeout=600
    )
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.count("tried 1, lost 0") == 2
