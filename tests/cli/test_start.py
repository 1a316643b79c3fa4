"""What must answer at once: help, version, names, completion."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from rectifiers import __version__

HEAVY = ("torch", "numpy", "scipy", "sklearn", "sympy", "torchvision", "matplotlib", "jinja2")
PROBE = f"""
import json, sys, time
try:
    from rectifiers.cli import main
    main()
finally:
    loaded = [name for name in {HEAVY!r} if name in sys.modules]
    print(json.dumps({{"loaded": loaded, "seconds": time.process_time()}}), file=sys.stderr)
"""


PLAIN = """
import time, typer
app = typer.Typer()
@app.command("one")
def one(number: int = 1) -> None:
    "Do one thing."
@app.command("other")
def other(number: int = 1) -> None:
    "Do another."
try:
    app(["one", "--help"])
finally:
    import sys
    print(time.process_time(), file=sys.stderr)
"""
"""A command line that is nothing but typer's."""
OURS = 0.25
"""Seconds that ours may take beside."""


@pytest.fixture(scope="module")
def at_once() -> float:
    """Seconds of the processor within which an answer comes at once, on this machine: what typer takes, and ours."""
    plain = (subprocess.run([sys.executable, "-c", PLAIN], capture_output=True, text=True) for _ in range(3))
    return min(float(done.stderr) for done in plain) + OURS


def probe(*arguments: str, **environment: str) -> tuple[dict[str, object], str]:
    done = subprocess.run(
        [sys.executable, "-c", PROBE, *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **environment},
    )
    return json.loads(done.stderr.splitlines()[-1]), done.stdout


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--help"], "Your model"),
        (["--version"], f"rectifiers {__version__}"),
        (["list"], "arelu/table1"),
        (["run", "-h"], "--seeds"),
    ],
    ids=["help", "version", "list", "help of a verb"],
)
def test_answers_at_once_without_torch(arguments: list[str], expected: str, at_once: float) -> None:
    cost, output = probe(*arguments)
    assert expected in output
    assert cost["loaded"] == []
    assert cost["seconds"] < at_once


@pytest.mark.parametrize(
    ("words", "offered"),
    [("show pvl", "pvlu"), ("run arelu/table", "arelu/table1"), ("list net", "networks"), ("pl", "plan")],
)
def test_completion_offers_names_without_torch(words: str, offered: str, at_once: float) -> None:
    count = str(len(words.split()))
    cost, output = probe(_RECTIFIERS_COMPLETE="complete_bash", COMP_WORDS=f"rectifiers {words}", COMP_CWORD=count)
    assert offered in output.split()
    assert cost["loaded"] == []
    assert cost["seconds"] < at_once


@pytest.mark.parametrize(
    ("arguments", "spared"),
    [
        (["show", "arelu"], {"scipy", "sklearn", "sympy", "matplotlib"}),
        (["plan", "quickstart"], {"sklearn", "matplotlib"}),
    ],
    ids=["show", "plan"],
)
def test_loads_what_it_needs_alone(arguments: list[str], spared: set[str]) -> None:
    cost, output = probe(*arguments)
    assert arguments[1] in output
    assert not spared & set(cost["loaded"])  # type: ignore[call-overload]


def test_says_what_to_install_without_the_extra() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import sys; sys.modules['typer'] = None; from rectifiers.cli import main; main()"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr == 'error: the command line needs typer; install "rectifiers[lab]"\n'
