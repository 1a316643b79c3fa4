"""The command line as a user runs it, and experiments small enough to run."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from rectifiers.cli import main


@dataclass(frozen=True)
class Outcome:
    code: int
    out: str
    err: str


Cli = Callable[..., Outcome]


@pytest.fixture
def cli(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Cli:
    """The command line in this process, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("RECTIFIERS_DATA", raising=False)
    monkeypatch.delenv("RECTIFIERS_RESULTS", raising=False)

    def call(*arguments: str | Path) -> Outcome:
        monkeypatch.setattr(sys, "argv", ["rectifiers", *map(str, arguments)])
        with pytest.raises(SystemExit) as exit_:
            main()
        code = exit_.value.code
        captured = capsys.readouterr()
        return Outcome(code if isinstance(code, int) else 0, captured.out, captured.err)

    return call


@pytest.fixture
def refused(cli: Cli) -> Callable[..., str]:
    """A command that must end with one line on stderr and exit code 2; returns the line."""

    def call(*arguments: str | Path) -> str:
        outcome = cli(*arguments)
        assert outcome.code == 2, outcome
        lines = [line for line in outcome.err.splitlines() if line.startswith("error: ")]
        assert len(lines) == 1, outcome.err
        assert "Traceback" not in outcome.err
        return outcome.err

    return call


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A results folder with the smoke preset of the quickstart, run once for all tests; copy it to change it."""
    results = tmp_path_factory.mktemp("finished") / "runs"
    command = ["run", "quickstart", "--preset", "smoke", "--workers", "1", "--results", str(results)]
    done = subprocess.run([sys.executable, "-m", "rectifiers", *command], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "6 of 6 runs" in done.stderr
    assert "6 of 6 runs finished." in done.stdout
    assert f"Report: {results}/quickstart-smoke.html" in done.stdout
    return results


def hear_interrupts() -> None:
    """Undo what a shell does to background jobs, the tests perhaps among them: it lets them ignore Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.fixture
def start(tmp_path: Path) -> Callable[..., subprocess.Popen[str]]:
    """The command line in a process of its own."""

    def call(*arguments: str | Path, **options: object) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "rectifiers", *map(str, arguments)],
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=hear_interrupts,
            **options,  # type: ignore[call-overload]
        )

    return call
