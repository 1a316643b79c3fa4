"""What the README shows works: its example runs, and every command and link in it exists."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer.testing

import rectifiers
from rectifiers.cli.app import app

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", TEXT, flags=re.MULTILINE | re.DOTALL)


def commands(program: str) -> list[list[str]]:
    """Arguments of every call of `program` in the shell blocks, and in code within the text."""
    lines = [line for block in blocks("sh") for line in block.splitlines()]
    lines += re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", TEXT, flags=re.DOTALL))
    calls = [shlex.split(line, comments=True) for line in lines if line.startswith(f"{program} ")]
    return [arguments for _, *arguments in calls]


def test_example_trains_the_function() -> None:
    (code,) = blocks("python")
    assert sum(bool(line) for line in code.splitlines()) == 6
    names: dict[str, Any] = {}
    exec(code, names)
    weights, activations = names["optimizer"].param_groups
    assert (weights["name"], activations["name"]) == ("weights", "activations")
    start = rectifiers.create("pvlu", channels=32, relu_like=True)
    assert not names["net"][1].alpha.equal(start.alpha)


@pytest.mark.parametrize("arguments", commands("rectifiers"), ids=" ".join)
def test_command_exists(arguments: list[str]) -> None:
    verb = arguments[0]
    shown = typer.testing.CliRunner().invoke(app, [verb, "--help"], env={"COLUMNS": "200", "TERM": "dumb"})
    assert shown.exit_code == 0
    for option in (argument for argument in arguments if argument.startswith("--")):
        assert option in shown.stdout


@pytest.mark.parametrize("arguments", commands("make"), ids=" ".join)
def test_make_target_exists(arguments: list[str]) -> None:
    assert re.search(rf"^{arguments[0]}:", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)


PAGES = sorted(
    str(page.relative_to(ROOT)) for page in [ROOT / "README.md", *ROOT.glob("docs/*.md"), *ROOT.glob("results/**/*.md")]
)


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    links = re.findall(r"\]\(([^)#]+)\)", (ROOT / page).read_text(encoding="utf-8"))
    for link in (link for link in links if "://" not in link):
        assert (ROOT / page).parent.joinpath(link).exists(), link


def test_counts_the_functions() -> None:
    count = re.search(r"(\d+)\s+activation functions", TEXT)
    assert count
    assert int(count[1]) == len(rectifiers.list_activations())
