"""The documentation lists what is refused in the words of the errors."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import rectifiers

HOME = Path(rectifiers.__file__).parent
PAGE = Path(__file__).parents[2] / "docs" / "surgery-details.md"


def quoted() -> list[str]:
    """What the tables of the section say that errors say."""
    section = PAGE.read_text(encoding="utf-8").partition("## What is refused")[2]
    rows = [line.split("|")[2] for line in section.splitlines() if line.startswith("| ")]
    return [part for row in rows for part in re.findall('"([^"]+)"', row)]


def written() -> str:
    """Every text in the code, with dots for what is filled in."""
    texts = []
    for room in ("surgery", "watching"):
        for file in (HOME / room).rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                if isinstance(node, ast.JoinedStr):
                    texts.append(
                        "".join(str(part.value) if isinstance(part, ast.Constant) else "…" for part in node.values)
                    )
                elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                    texts.append(node.value)
    return "\n".join(texts)


@pytest.fixture(scope="module")
def code() -> str:
    return written()


@pytest.mark.parametrize("words", quoted())
def test_what_is_refused_is_quoted_as_it_is_said(words: str, code: str) -> None:
    for part in filter(None, re.split(r"\s*…[.;:,]?\s*", words)):
        assert part in code, part


def test_the_tables_are_read() -> None:
    assert len(quoted()) > 30
