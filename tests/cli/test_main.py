"""What holds for every verb: examples, usage errors, closed pipes, full disks and ASCII terminals."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from .conftest import Cli


@pytest.mark.parametrize("verb", ["list", "show", "swap", "plan", "run", "report", "table", "bench", "env"])
def test_every_verb_has_an_example(cli: Cli, verb: str) -> None:
    outcome = cli(verb, "--help")
    assert outcome.code == 0
    assert f"Example: rectifiers {verb}" in outcome.out


def test_unknown_verb_is_a_usage_error(cli: Cli) -> None:
    assert cli("trian").code == 2


def test_a_closed_pipe_is_quiet() -> None:
    listing = subprocess.Popen(
        [sys.executable, "-m", "rectifiers", "list", "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert listing.stdout is not None
    assert listing.stderr is not None
    listing.stdout.close()
    errors = listing.stderr.read()
    listing.stderr.close()
    assert listing.wait() == 1
    assert errors == b""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_behind_the_output_is_one_line() -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "rectifiers", "list"], stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert done.returncode == 2
    assert done.stderr == "error: cannot write the output: No space left on device\n"


def test_a_terminal_that_knows_ascii_only_gets_replacements() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "rectifiers", "list", "experiments"],
        capture_output=True,
        check=False,
        env={"PYTHONIOENCODING": "ascii", "PATH": ""},
    )
    assert done.returncode == 0
    assert b"starting values of ? and ?" in done.stdout
