"""The notebooks run from top to bottom, without Jupyter: each cell in turn, in a process and a folder of their own."""

from __future__ import annotations

import ast
import json
import linecache
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent
NOTEBOOKS = sorted((ROOT / "docs" / "notebooks").glob("*.ipynb"))

# They start the laboratory's workers, each of which imports PyTorch.
SLOW = {"own_activation", "quick_start", "reproduce_a_table", "worth_it"}


def cells(notebook: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    return found


def run(notebook: Path) -> None:
    """Run the code of a notebook in `__main__`, and display what its cells end in."""
    namespace = vars(sys.modules["__main__"])
    for cell in cells(notebook):
        if cell["cell_type"] != "code":
            continue
        source, name = "".join(cell["source"]), f"<{notebook.stem}: {cell['id']}>"
        # As a notebook's kernel does, so that `inspect` finds the source of functions.
        linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
        tree = ast.parse(source, name)
        last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
        exec(compile(tree, name, "exec"), namespace)
        if isinstance(last, ast.Expr):
            value = eval(compile(ast.Expression(last.value), name, "eval"), namespace)
            if value is not None:
                shown = value._repr_html_() if hasattr(value, "_repr_html_") else repr(value)
                assert shown.strip(), f"{name} shows nothing"
                print(f"{name} shows {shown}")


@pytest.mark.parametrize(
    "notebook",
    [pytest.param(one, id=one.stem, marks=[pytest.mark.slow] if one.stem in SLOW else []) for one in NOTEBOOKS],
)
def test_notebooks_run_from_top_to_bottom(notebook: Path, tmp_path: Path) -> None:
    work, temporary = tmp_path / "work", tmp_path / "temporary"
    work.mkdir()
    temporary.mkdir()
    code = f"from pathlib import Path; from tests.test_notebooks import run; run(Path({str(notebook)!r}))"
    paths = [str(ROOT), str(ROOT / "src"), os.environ.get("PYTHONPATH", "")]
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(filter(None, paths)),
        "TMPDIR": str(temporary),
        "OMP_NUM_THREADS": "1",
    }
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=work, env=environment, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    assert "Warning" not in done.stderr
    assert [*work.iterdir()] == [], "a notebook writes into temporary folders alone"
    assert f"<{notebook.stem}: " in done.stdout, "no cell shows anything"


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda notebook: notebook.stem)
def test_notebooks_hold_no_outputs_and_stable_names(notebook: Path) -> None:
    content = json.loads(notebook.read_text(encoding="utf-8"))
    assert (content["nbformat"], content["nbformat_minor"]) == (4, 5)
    names = [cell["id"] for cell in content["cells"]]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[a-z][a-z-]*", name) for name in names)
    code = [cell for cell in content["cells"] if cell["cell_type"] == "code"]
    assert code
    assert all((cell["outputs"], cell["execution_count"]) == ([], None) for cell in code)
    text = "".join(line for cell in content["cells"] if cell["cell_type"] == "markdown" for line in cell["source"])
    for target in re.findall(r"\]\(([^)#:]+)", text):
        assert (notebook.parent / target).exists(), target


def test_every_notebook_is_in_the_index() -> None:
    index = (ROOT / "docs" / "tutorials.md").read_text(encoding="utf-8")
    assert len(NOTEBOOKS) == 5
    assert sorted(re.findall(r"\]\(notebooks/(.*?)\)", index)) == [notebook.name for notebook in NOTEBOOKS]
