"""Files that the user asked for."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from rectifiers.core.errors import ConfigError
from rectifiers.core.files import check_folder, named_path, write_file


def test_text_and_bytes(tmp_path: Path) -> None:
    write_file(tmp_path / "a.txt", "β")
    assert (tmp_path / "a.txt").read_bytes() == "β".encode()
    write_file(tmp_path / "a.txt", b"\x00")
    assert (tmp_path / "a.txt").read_bytes() == b"\x00"
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


def test_a_folder_is_made_if_that_is_wanted(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"cannot write .*a\.txt: No such file or directory; choose another place"):
        write_file(tmp_path / "new" / "a.txt", "")
    write_file(tmp_path / "new" / "a.txt", "text", make_folder=True)
    assert (tmp_path / "new" / "a.txt").read_text() == "text"


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "real.txt").write_text("old")
    (tmp_path / "link.txt").symlink_to("real.txt")
    write_file(tmp_path / "link.txt", "new")
    assert (tmp_path / "link.txt").is_symlink()
    assert (tmp_path / "real.txt").read_text() == "new"


@pytest.mark.skipif(not Path("/dev/null").exists(), reason="needs /dev/null")
def test_a_device_stays_a_device() -> None:
    write_file(Path("/dev/null"), "text")
    assert not Path("/dev/null").is_file()


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="Is a directory"):
        write_file(tmp_path, "text")


def test_a_file_in_the_place_of_a_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "runs").touch()
    with pytest.raises(ConfigError, match=r"^--results must be a folder, but .*runs is a file; name another one$"):
        check_folder(tmp_path / "runs", "--results")
    assert check_folder(tmp_path, "--results") == tmp_path
    assert check_folder(tmp_path / "not yet", "--results") == tmp_path / "not yet"


def test_a_folder_at_home_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert check_folder(Path("~/runs"), "--results") == tmp_path / "runs"
    with pytest.raises(ConfigError, match=r"^--results: cannot find '~nosuchuser/runs': .*; write the whole path$"):
        check_folder(Path("~nosuchuser/runs"), "--results")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("~nosuchuser/x", "cannot find '~nosuchuser/x'.*write the whole path"),
        ("a\0b", r"that can be printed, got b'a\\x00b'; rename it"),
        (os.fsdecode(b"K\xe4fer"), r"expected a path that can be printed, got b'K\\xe4fer'; rename it"),
    ],
)
def test_a_path_that_is_none_is_named(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=f"^data: {message}" if message.startswith("cannot") else message):
        named_path(text, "data")


def test_home_is_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert named_path("~/a", "data") == tmp_path / "a"
