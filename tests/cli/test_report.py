"""`rectifiers report`: from the results, or where they will be, and mistakes."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from .conftest import Cli


def test_from_the_results(cli: Cli, finished: Path, tmp_path: Path) -> None:
    outcome = cli("report", "quickstart", "--preset", "smoke", "--results", finished, "--output", "page.html")
    assert (outcome.code, outcome.out) == (0, "page.html\n")
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert page.lstrip().lower().startswith("<!doctype html>")
    assert "6 of 6 runs finished" in page
    assert "rectifiers run quickstart --preset smoke" in page


def test_without_results_it_stands_beside_where_they_will_be(cli: Cli, tmp_path: Path) -> None:
    outcome = cli("report", "quickstart")
    assert (outcome.code, outcome.out) == (0, "runs/quickstart-pocket.html\n")
    assert "not run" in (tmp_path / "runs" / "quickstart-pocket.html").read_text(encoding="utf-8")


def test_a_page_on_the_standard_output_stands_there_alone(finished: Path) -> None:
    command = ["-m", "rectifiers", "report", "quickstart", "--preset", "smoke", "--results", str(finished)]
    done = subprocess.run(
        [sys.executable, *command, "--output", "/dev/stdout"], capture_output=True, text=True, check=True
    )
    assert done.stdout.endswith("</html>")


def test_mistakes(refused: Callable[..., str], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert "cannot write file/page.html" in refused("report", "quickstart", "--output", "file/page.html")
    assert "did you mean quickstart" in refused("report", "quikstart")
    # Before the networks are looked into.
    assert "cannot write .: it is a folder" in refused("report", "crelu/figure4", "--preset", "smoke", "--output", "")
