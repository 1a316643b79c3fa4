"""Type checkers know the public names, their classes and their arguments."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

import rectifiers

SOURCE = """\
import rectifiers
from rectifiers import AReLU, functional, lab
from rectifiers.activations import PVLU

module: AReLU = rectifiers.AReLU(alpha=0.75, share="channel")
other: PVLU = rectifiers.PVLU(relu_like=True)
rectifiers.swpa
rectifiers.AReLLU
AReLU(alhpa=0.75)
AReLU(share="chanel")
functional.arleu
lab.paln
lab.plan("quickstart", presett="smoke")
rectifiers.diagnose(module, lss=None)
"""
MISTAKES = [7, 8, 9, 10, 11, 12, 13, 14]
"""The lines of `SOURCE` that are wrong."""

CONFIG = """\
[mypy]
strict = true
# What others annotate is not in question, and takes long to read.
[mypy-torch.*,numpy.*,scipy.*,pydantic.*,rich.*]
follow_imports = skip
"""


@pytest.fixture
def use(tmp_path: Path) -> Path:
    file = tmp_path / "use.py"
    file.write_text(SOURCE)
    return file


def test_mypy_finds_exactly_the_mistakes(use: Path) -> None:
    config = use.with_name("mypy.ini")
    config.write_text(CONFIG)
    command = [sys.executable, "-m", "mypy", f"--config-file={config}", f"--cache-dir={use.parent}", str(use)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=Path(rectifiers.__file__).parents[1])
    errors = [line for line in done.stdout.splitlines() if ": error: " in line]
    assert [int(line.split(":")[1]) for line in errors] == MISTAKES, done.stdout + done.stderr
    assert 'Unexpected keyword argument "alhpa" for "AReLU"; did you mean "alpha"?' in errors[2]


def test_pyright_finds_exactly_the_mistakes(use: Path) -> None:
    pytest.importorskip("pyright")
    command = [sys.executable, "-m", "pyright", f"--pythonpath={sys.executable}", str(use)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=Path(rectifiers.__file__).parents[1])
    lines = {int(line.split(":")[1]) for line in done.stdout.splitlines() if " - error: " in line}
    assert sorted(lines) == MISTAKES, done.stdout + done.stderr


@pytest.mark.parametrize("room", ["", ".lab", ".analysis", ".datasets"])
def test_names_imported_at_first_use_are_declared(room: str) -> None:
    module = importlib.import_module(f"rectifiers{room}")
    body = ast.parse(Path(module.__file__).read_text(encoding="utf-8")).body
    (block,) = [node for node in body if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"]
    declared = {node.asname or node.name for node in ast.walk(block) if isinstance(node, ast.alias)}
    declared |= {node.targets[0].id for node in ast.walk(block) if isinstance(node, ast.Assign)}
    assert set(module._HOME) <= declared
