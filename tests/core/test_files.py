"""Files that the user asked for."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from rectifiers.core.errors import ConfigError
from rectifiers.core.files import check_file, check_folder, named_path, write_file


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


def test_what_goes_to_the_standard_output_is_added_to_its_file(tmp_path: Path) -> None:
    code = "from pathlib import Path; from rectifiers.core.files import write_file; "
    code += "print('before', flush=True); write_file(Path('/dev/stdout'), 'text\\n'); print('after')"
    (tmp_path / "log").write_text("there\n")
    with (tmp_path / "log").open("a") as log:
        subprocess.run([sys.executable, "-c", code], stdout=log, check=True)
    assert (tmp_path / "log").read_text() == "there\nbefore\ntext\nafter\n"


def test_a_device_in_a_folder_of_others_can_be_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != Path("/dev"))
    check_file(Path("/dev/null"))
    with pytest.raises(ConfigError, match="/dev is not a folder that you can write to"):
        check_file(Path("/dev/page.html"))


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
    with pytest.raises(
        ConfigError, match=r"^--results: cannot find '~nosuchuser/runs': no such user; write the whole path$"
    ):
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


@pytest.mark.skipif(os.name != "posix", reason="closes what POSIX numbers")
def test_standard_streams_that_were_closed_are_open_in_processes_that_are_started() -> None:
    """Else the end of a pipe gets the number of one of them there, and is lost where something is put in its place."""
    program = (
        "import os, subprocess, sys\n"
        "from rectifiers.core.files import fill_standard_streams\n"
        "os.close(0)\nos.close(2)\n"
        "fill_standard_streams()\n"
        "look = 'import os; [os.fstat(number) for number in range(3)]; print(os.pipe()[0] > 2)'\n"
        "sys.exit(subprocess.call([sys.executable, '-c', look]))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=120)
    assert (done.returncode, done.stdout) == (0, "True\n")
