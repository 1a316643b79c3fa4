"""Provenance: the facts of this machine, with git and without."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import torch

import rectifiers
from rectifiers.experiments import provenance as module
from rectifiers.experiments.provenance import commit, processor, provenance


def test_facts() -> None:
    facts = provenance()
    assert facts["rectifiers"] == rectifiers.__version__
    assert facts["torch"] == torch.__version__
    assert re.fullmatch(r"3\.\d+\.\d+.*", facts["python"])
    assert re.fullmatch(r".+, \d+ cores, .+", facts["processor"])
    assert facts["command"]
    assert all(isinstance(value, str) and "\n" not in value for value in facts.values())


def test_processor_has_a_name() -> None:
    assert processor().strip()


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A source tree of its own, with the module where it stands in ours."""
    file = tmp_path / "src" / "rectifiers" / "experiments" / "provenance.py"
    file.parent.mkdir(parents=True)
    file.write_text("")
    monkeypatch.setattr(module, "__file__", str(file))
    return tmp_path


def git(tree: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=a", "-c", "user.email=a@b.c", "-c", "commit.gpgsign=false"]
    return subprocess.run(
        ["git", "-C", str(tree), *identity, *arguments], check=True, capture_output=True, text=True
    ).stdout.strip()


def test_installed_package_has_no_commit(tree: Path) -> None:
    assert commit() == ""


def test_machine_without_git(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tree / ".git").mkdir()
    monkeypatch.setenv("PATH", "")
    assert commit() == ""


@pytest.mark.skipif(shutil.which("git") is None, reason="needs git")
def test_commit_and_whether_it_was_changed(tree: Path) -> None:
    git(tree, "init", "--quiet")
    git(tree, "add", ".")
    git(tree, "commit", "--quiet", "-m", "first")
    head = git(tree, "rev-parse", "--short=12", "HEAD")
    assert commit() == head
    (tree / "notes.txt").write_text("not part of it")
    assert commit() == head
    Path(module.__file__).write_text("changed = True")
    assert commit() == head + "+"


def test_a_git_that_hangs_or_stammers_costs_the_commit_alone(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tree / ".git").mkdir()
    git = tree / "bin" / "git"
    git.parent.mkdir()
    monkeypatch.setenv("PATH", f"{git.parent}:/usr/bin:/bin")
    monkeypatch.setattr(module, "GIT_SECONDS", 0.2)
    git.write_text("#!/bin/sh\nexec sleep 60\n")
    git.chmod(0o755)
    assert commit() == ""
    git.write_text("#!/bin/sh\nprintf 'abc\\377'\n")
    assert commit().startswith("abc")
    monkeypatch.setattr(subprocess, "run", refuse_to_fork)
    assert commit() == ""


def refuse_to_fork(*_: object, **__: object) -> None:
    raise BlockingIOError(11, "Resource temporarily unavailable")
