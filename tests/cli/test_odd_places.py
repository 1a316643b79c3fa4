"""Odd places to run in: no folder for temporary files, little memory, another language, names of any letters."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from rectifiers import lab
from rectifiers.experiments.store import Store

from .conftest import Cli

SMOKE = ("quickstart", "--preset", "smoke")


def rectifiers(
    *arguments: str, folder: Path, environment: Mapping[str, str] | None = None, before: str = ""
) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own.

    Args:
        *arguments: of the command.
        folder: where it runs.
        environment: variables that are set besides.
        before: words of the shell that start it.
    """
    return subprocess.run(
        ["sh", "-c", f'{before}exec "$0" -m rectifiers "$@"', sys.executable, *arguments],
        cwd=folder,
        env={**os.environ, **(environment or {})},
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        timeout=600,
        check=False,
    )


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="uses a shell")
@pytest.mark.parametrize(
    ("environment", "before"),
    [
        ({"TMPDIR": "/nonexistent"}, ""),
        ({"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}, ""),
        ({}, "unset HOME USER LOGNAME XDG_CACHE_HOME; "),
        ({}, "exec 2>/dev/full; "),
        ({}, "exec 2>&-; "),
    ],
    ids=["no folder for temporary files", "C", "no home", "a full disk behind stderr", "no stderr"],
)
def test_a_run_ends_well(tmp_path: Path, environment: Mapping[str, str], before: str) -> None:
    done = rectifiers("run", *SMOKE, "--workers", "2", folder=tmp_path, environment=environment, before=before)
    assert done.returncode == 0, done.stderr
    assert "6 of 6 runs finished." in done.stdout
    assert len(list(tmp_path.glob("runs/quickstart/*/result.json"))) == 6
    assert list(tmp_path.glob("runs/*.html"))


@pytest.mark.skipif(sys.platform != "linux", reason="limits the memory by the shell")
def test_too_little_memory_for_a_library_is_one_line(tmp_path: Path) -> None:
    done = rectifiers("show", "arelu", folder=tmp_path, before="ulimit -v 600000; ")
    assert done.returncode == 2
    assert re.fullmatch(r"error: cannot load a library \(.*\); give the process more memory .*\n", done.stderr)
    assert rectifiers("list", folder=tmp_path, before="ulimit -v 600000; ").returncode == 0


def test_memory_that_runs_out_is_one_line(monkeypatch: pytest.MonkeyPatch, cli: Cli) -> None:
    def run_out(*_: object, **__: object) -> None:
        raise MemoryError

    monkeypatch.setattr(lab, "table", run_out)
    outcome = cli("table", *SMOKE)
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err.startswith("error: memory ran out; give the process more")


@pytest.mark.parametrize("name", ["ünïcödé ☃ 雪", "a b'c\"d", "x" * 200, "-x", "%s{}$HOME"])
def test_folders_may_have_any_name(cli: Cli, tmp_path: Path, name: str) -> None:
    results = f"--results={name}"
    Store(tmp_path / name, "quickstart")
    assert "AReLU" in cli("table", *SMOKE, results).out
    assert cli("report", *SMOKE, results).code == 0
    assert (tmp_path / name / "quickstart-smoke.html").stat().st_size


@pytest.mark.parametrize("verb", ["table", "report", "run", "plan"])
def test_a_name_that_is_too_long_is_one_line(cli: Cli, verb: str) -> None:
    outcome = cli(verb, *SMOKE, "--results", "x" * 300)
    assert (outcome.code, outcome.err.count("\n")) == (2, 1)
    assert "File name too long" in outcome.err


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trained") / "runs"
    lab.run("quickstart", preset="smoke", workers=1, results=folder, progress=False, settings={"epochs": 1})
    return folder


@pytest.mark.parametrize("score", ["NaN", '"NaN"', '"Infinity"', "1e30", '"-Infinity"'])
def test_scores_that_are_no_percentages_are_shown_or_left_out(
    cli: Cli, tmp_path: Path, trained: Path, score: str
) -> None:
    """They come from somebody else's program; nothing warns, and nothing breaks."""
    shutil.copytree(trained, tmp_path / "runs")
    smaller = (*SMOKE, "--set", "epochs=1")
    for path in (tmp_path / "runs" / "quickstart").glob("*/result.json"):
        path.write_text(re.sub('"test_accuracy":[0-9.]+', f'"test_accuracy":{score}', path.read_text()))
    shown = cli("table", *smaller)
    assert shown.code == 0
    assert "6 of 6 runs finished." in shown.out
    assert cli("report", *smaller).code == 0
    assert cli("verify", "runs/quickstart").code == 0
