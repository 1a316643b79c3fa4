"""What the README shows works: its example runs, and every command and link exists, in the other pages too."""

from __future__ import annotations

import re
import shlex
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import typer.main

import rectifiers
from rectifiers.cli.app import app

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")


PAGES = sorted(
    str(page.relative_to(ROOT)) for page in [ROOT / "README.md", *ROOT.glob("docs/*.md"), *ROOT.glob("results/**/*.md")]
)
VERBS = typer.main.get_command(app).commands  # type: ignore[attr-defined]


def blocks(language: str, text: str = TEXT) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)


def prose(text: str) -> str:
    """A page without its blocks of code."""
    return re.sub(r"```.*?```", "", text, flags=re.DOTALL)


def commands(program: str, text: str = TEXT) -> list[list[str]]:
    """Arguments of every call of `program` in the shell blocks, and in code within the text."""
    lines = [line for block in blocks("sh", text) for line in block.replace("\\\n", " ").splitlines()]
    lines += re.findall(r"`([^`\n]+)`", prose(text))
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


@pytest.mark.parametrize("page", PAGES)
def test_commands_exist(page: str) -> None:
    for verb, *arguments in filter(None, commands("rectifiers", (ROOT / page).read_text(encoding="utf-8"))):
        if verb in ("VERB", "--version"):
            continue
        options = {option for one in VERBS[verb].params for option in (*one.opts, *one.secondary_opts)} | {"--help"}
        given = {argument.partition("=")[0] for argument in arguments if argument.startswith("--")}
        assert given <= options, (verb, given - options)


def test_the_readme_shows_commands() -> None:
    assert {"compare", "doctor", "cost", "run"} <= {verb for verb, *_ in commands("rectifiers")}


@pytest.mark.parametrize("arguments", commands("make"), ids=" ".join)
def test_make_target_exists(arguments: list[str]) -> None:
    assert re.search(rf"^{arguments[0]}:", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)


def anchors(page: Path) -> set[str]:
    """What links can lead to within a page: its headings, as GitHub and the site name them."""
    found: Counter[str] = Counter()
    names = set()
    for heading in re.findall(r"^#+ (.*)$", prose(page.read_text(encoding="utf-8")), flags=re.MULTILINE):
        words = re.sub(r"\[(.*?)\]\(.*?\)", r"\1", heading).strip().lower()
        name = re.sub(r"[^\w\- ]", "", words).replace(" ", "-")
        names.add(f"{name}-{found[name]}" if found[name] else name)
        found[name] += 1
    return names


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    links = re.findall(r"\]\(([^)\s]+)\)", prose((ROOT / page).read_text(encoding="utf-8")))
    for link in (link for link in links if "://" not in link):
        name, _, anchor = link.partition("#")
        target = (ROOT / page).parent / name if name else ROOT / page
        assert target.exists(), link
        if anchor and target.suffix == ".md":
            assert anchor in anchors(target), link


def test_counts_the_functions() -> None:
    count = re.search(r"(\d+)\s+activation functions", TEXT)
    assert count
    assert int(count[1]) == len(rectifiers.list_activations())
