"""Files of the user's own: loaded by path, known by content, refused in one line."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from rectifiers.core.errors import ConfigError
from rectifiers.core.own_file import load_file, parse_reference


def write(folder: Path, content: str, name: str = "mine.py") -> Path:
    path = folder / name
    path.write_text(content, encoding="utf-8")
    return path


@pytest.mark.parametrize("wrong", ["mine", "mine.py:", "mine.py:1", "mine.toml:Net", ":Net", "a.b:Net"])
def test_a_reference_is_a_file_and_a_name(wrong: str) -> None:
    with pytest.raises(ConfigError, match=r"expected FILE\.py:NAME, such as my_act\.py:MyAct, got"):
        parse_reference(wrong)


def test_the_same_content_is_executed_once(tmp_path: Path) -> None:
    path = write(tmp_path, "value = object()")
    first, again = load_file(path), load_file(path)
    assert first == again
    assert first.module.value is again.module.value


def test_other_content_is_another_module_even_in_the_same_moment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    path = write(tmp_path, "value = 1")
    first, times = load_file(path), path.stat()
    write(tmp_path, "value = 2")
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    second = load_file(path)
    assert (first.module.value, second.module.value) == (1, 2)
    assert first.digest != second.digest


def test_what_lies_beside_it_can_be_imported(tmp_path: Path) -> None:
    write(tmp_path, "value = 3", "helper_of_mine.py")
    assert load_file(write(tmp_path, "from helper_of_mine import value")).module.value == 3


def test_it_shadows_no_module_of_its_name(tmp_path: Path) -> None:
    load_file(write(tmp_path, "value = 1", "json.py"))
    assert sys.modules["json"].loads("1") == 1


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("x = 1\ny = (", r"mine\.py, line 2, is not Python: .*; correct the file"),
        ("\n\nraise ValueError('no\\nluck')", r"mine\.py, line 3, raises ValueError: no luck; correct the file"),
        ("import no_such_module_at_all", r"line 1, raises ModuleNotFoundError: No module named 'no_such"),
        ("import sys\nsys.exit(3)", r"line 2, raises SystemExit: 3"),
    ],
    ids=["syntax", "raises", "import", "exit"],
)
def test_what_is_wrong_with_a_file_is_one_line(tmp_path: Path, content: str, message: str) -> None:
    before = set(sys.modules)
    with pytest.raises(ConfigError, match=message) as caught:
        load_file(write(tmp_path, content))
    assert "\n" not in str(caught.value)
    assert not any(name.startswith("_own_") for name in set(sys.modules) - before)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"cannot read .*nowhere\.py: No such file.*; give the path"):
        load_file(tmp_path / "nowhere.py")
