"""What holds the project together outside the code: make, the version, the Python it needs, what CI runs."""

from __future__ import annotations

import re
import subprocess
from graphlib import TopologicalSorter
from pathlib import Path

import grimp

import rectifiers

ROOT = Path(__file__).parent.parent


def text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def test_make_lists_every_target() -> None:
    (phony,) = re.findall(r"^\.PHONY: (.*)$", text("Makefile"), flags=re.MULTILINE)
    shown = subprocess.run(["make", "--no-print-directory"], cwd=ROOT, check=True, capture_output=True, text=True)
    targets = [line.split()[:2] for line in shown.stdout.splitlines()]
    assert targets == [["make", target] for target in phony.split()]


def test_make_refuses_an_old_python(tmp_path: Path) -> None:
    old = tmp_path / "python2"
    old.write_text('#!/bin/sh\n[ "$1" = --version ] && echo Python 2.7.18\nexit 1\n')
    old.chmod(0o755)
    (tmp_path / "pyproject.toml").write_text(text("pyproject.toml"))
    command = ["make", "-f", str(ROOT / "Makefile"), "-C", str(tmp_path), "test", f"PYTHON={old}"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 2
    assert re.search(r"needs Python 3\.\d+ or newer, but '.*python2' is Python 2\.7\.18", done.stderr)
    assert not (tmp_path / ".venv").exists()


def test_floor_of_python_is_one() -> None:
    floor = re.search(r'^requires-python = ">=3\.(\d+)"$', text("pyproject.toml"), flags=re.MULTILINE)
    assert floor
    assert f'target-version = "py3{floor[1]}"' in text("pyproject.toml")
    assert f"Python 3.{floor[1]} or newer" in text("README.md")


def test_the_command_line_is_nobody_elses_library() -> None:
    """What benchmarks and docs need stands below it; the linter sees to the package itself."""
    scripts = [*(ROOT / "benchmarks").rglob("*.py"), *(ROOT / "docs").glob("*.py"), *(ROOT / "docs/pages").glob("*.py")]
    assert scripts
    for script in scripts:
        code = script.read_text(encoding="utf-8")
        assert not re.search(r"^\s*(from|import) rectifiers\.cli|^\s*from rectifiers import .*\bcli\b", code, re.M), (
            script
        )


def test_version_is_one() -> None:
    assert f"\nversion: {rectifiers.__version__}\n" in text("CITATION.cff")


def test_ci_runs_what_the_readme_names() -> None:
    lines = text(".ci/run").splitlines()
    assert (ROOT / ".ci" / "run").stat().st_mode & 0o111
    assert lines[-5:] == ["make check", "make docs", "make test", "make smoke", "make test-wheels"]


def test_no_module_imports_itself_by_way_of_others() -> None:
    graph = grimp.build_graph("rectifiers")
    imports = {module: sorted(graph.find_modules_directly_imported_by(module)) for module in sorted(graph.modules)}
    assert len(imports) > 300
    TopologicalSorter(imports).prepare()
