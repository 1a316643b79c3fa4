"""The short form of `make chaos`: nothing is lost in the faults that need no luck, nor when everything is killed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from .loading import load

SCRIPT = Path(__file__).parents[1] / "benchmarks" / "chaos.py"


CHAOS = load(SCRIPT)


@pytest.mark.slow
@pytest.mark.parametrize("name", [*CHAOS.CERTAIN, "eight runners at once, four of them killed"])
@pytest.mark.filterwarnings("ignore:the compiled kernels")
def test_faults_whose_moment_does_not_matter(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "")  # as one of them leaves it
    assert CHAOS.NEEDS.get(CHAOS.FAULTS[name], lambda: True)()
    tried, lost = CHAOS.tries(name, 0, {})
    assert tried > 0
    assert lost == 0


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc").exists(), reason="finds workers in /proc")
def test_faults_at_a_random_moment(tmp_path: Path) -> None:
    faults = [word for name in ("runner and workers killed", "SIGTERM") for word in ("--only", name)]
    command = [sys.executable, str(SCRIPT), "--output", str(tmp_path / "counts.json"), *faults, "--times"]
    ended = subprocess.run([*command, "1"], capture_output=True, text=True, check=False, timeout=900)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.count("tried 1, lost 0") == 2
    again = subprocess.run([*command, "1"], capture_output=True, text=True, check=False, timeout=900)
    assert (again.returncode, again.stdout) == (0, "")


def test_the_table_is_that_of_the_counts() -> None:
    counts = json.loads((SCRIPT.parent / "results" / "chaos.json").read_text(encoding="utf-8"))
    assert f"\n\n{CHAOS.to_markdown(counts)}\n" in CHAOS.PAGE.read_text(encoding="utf-8")
    assert not any(lost for _, lost in counts.values())
