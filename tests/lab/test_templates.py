"""Files to begin with: they pass as they are, and overwrite nothing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from rectifiers import lab
from rectifiers.core.errors import ConfigError, UnknownNameError
from rectifiers.core.own_file import load_file
from rectifiers.lab.templates import new
from rectifiers.testing import check


def test_all_pass_the_checks_and_their_tests_at_once(tmp_path: Path) -> None:
    for kind in ("activation", "network", "dataset"):
        file, test = new(kind, f"my-{kind}", tmp_path)
        assert (file.name, test.name) == (f"my_{kind}.py", f"test_my_{kind}.py")
        report = check(str(file), price=False)
        assert report.ok, str(report)
        assert len(report.outcomes) > 2
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "error", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stdout
    assert "6 passed" in done.stdout
    files = [str(path) for path in tmp_path.glob("my_*.py")]
    for words in (["check"], ["format", "--check", "--line-length", "120"]):
        command = [sys.executable, "-m", "ruff", *words, "--isolated", *files]
        linted = subprocess.run(command, capture_output=True, text=True, check=False)
        assert linted.returncode == 0, linted.stdout


def test_they_run_beside_published_rows(tmp_path: Path) -> None:
    file, _ = new("activation", "MyGate", tmp_path)
    assert file.name == "my_gate.py"
    selection = lab.open("quickstart", preset="smoke", own=[str(file)], results=tmp_path / "runs")
    try:
        assert [arm.label for arm in selection.experiment.rows][-1] == "MyGate"
    finally:
        from rectifiers.experiments import own

        own.forget(own.loaded()[-1])


@pytest.mark.parametrize("taken", ["my_act.py", "test_my_act.py"])
def test_nothing_is_overwritten(tmp_path: Path, taken: str) -> None:
    (tmp_path / taken).write_text("mine", encoding="utf-8")
    with pytest.raises(ConfigError, match=rf"{taken} is there already; choose another name, or move it away"):
        new("activation", "my_act", tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [taken]
    assert (tmp_path / taken).read_text(encoding="utf-8") == "mine"


@pytest.mark.parametrize("name", ["", "3d", "my act", "class", "a.b", "../up", "αct"])
def test_names_that_no_module_can_have(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match="expected a name such as my_act"):
        new("activation", name, tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["torch", "json"])
def test_a_file_does_not_hide_what_others_import(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match=f"there is a module '{name}' already, which this file would hide"):
        new("activation", name, tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("imported", [True, False])
def test_a_file_of_another_folder_is_not_in_the_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, imported: bool
) -> None:
    elsewhere = new("activation", "my_wave", tmp_path / "elsewhere")[0]
    module = load_file(elsewhere).module
    if imported:
        monkeypatch.setitem(sys.modules, "my_wave", module)
    assert str(elsewhere.parent) in sys.path
    assert new("activation", "my_wave", tmp_path / "here")[0].exists()


def test_names_and_kinds_that_do_not_fit(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is activation 'gelu' already; choose another name"):
        new("activation", "gelu", tmp_path)
    with pytest.raises(UnknownNameError, match="did you mean activation"):
        new("activaton", "my_act", tmp_path)
