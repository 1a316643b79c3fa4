"""The digest of data at a path: what counts, what does not, and when files are read again."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from rectifiers import datasets
from rectifiers.core.errors import DataError
from rectifiers.datasets import identity
from rectifiers.datasets.identity import digest_path


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


def write(path: Path, content: str, age: float = 100.0) -> Path:
    """A file that was changed so many seconds ago."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    stat = path.stat()
    os.utime(path, (stat.st_atime - age, stat.st_mtime - age))
    return path


def test_content_counts_and_places_do_not(tmp_path: Path) -> None:
    one, copy, other = (write(tmp_path / name, text) for name, text in (("a", "1"), ("b/c", "1"), ("d", "2")))
    assert digest_path(one) == digest_path(copy)
    assert digest_path(one) != digest_path(other)
    assert digest_path(tmp_path / "nowhere") is None


def test_names_count_within_a_folder_but_hidden_ones(tmp_path: Path) -> None:
    for folder in ("one", "two", "three"):
        write(tmp_path / folder / "cat" / ("1.png" if folder != "three" else "2.png"), "picture")
    write(tmp_path / "two" / ".DS_Store", "where the icons are")
    assert digest_path(tmp_path / "one") == digest_path(tmp_path / "two")
    assert digest_path(tmp_path / "one") != digest_path(tmp_path / "three")
    (tmp_path / "empty").mkdir()
    assert digest_path(tmp_path / "empty") is None


def test_folders_that_are_links_count_like_any_other(tmp_path: Path) -> None:
    """Pictures in them are learned from: what changes there makes other data."""
    picture = write(tmp_path / "elsewhere" / "cats" / "1.png", "picture")
    (tmp_path / "pets").mkdir()
    (tmp_path / "pets" / "cat").symlink_to(picture.parent, target_is_directory=True)
    copy = write(tmp_path / "copy" / "cat" / "1.png", "picture").parents[1]
    first = digest_path(tmp_path / "pets")
    assert first == digest_path(copy)
    (tmp_path / "pets" / "around").symlink_to(tmp_path / "pets", target_is_directory=True)
    assert digest_path(tmp_path / "pets") == first
    write(picture, "another", age=50)
    assert digest_path(tmp_path / "pets") not in (None, first)


def test_files_are_read_once_until_size_or_time_change(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = write(tmp_path / "a", "1")
    first = digest_path(file)
    with monkeypatch.context() as patched:
        patched.setattr(identity, "_digest_file", lambda path: pytest.fail("read again"))
        assert digest_path(file) == first
    write(file, "2", age=50)
    assert digest_path(file) != first


def test_what_changed_a_moment_ago_is_read_again(tmp_path: Path, cache: Path) -> None:
    file = write(tmp_path / "a", "1", age=0)
    first, stat = digest_path(file), file.stat()
    assert not list(cache.rglob("*.json"))
    file.write_text("2")
    os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert digest_path(file) != first


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"stamp": 1}', b"\xff"])
def test_a_damaged_note_is_made_anew(tmp_path: Path, cache: Path, content: bytes) -> None:
    file = write(tmp_path / "a", "1")
    first = digest_path(file)
    (note,) = cache.rglob("*.json")
    whole = note.read_bytes()
    note.write_bytes(content)
    assert digest_path(file) == first
    assert note.read_bytes() == whole


def test_without_a_cache_it_is_computed_each_time(tmp_path: Path, cache: Path) -> None:
    cache.write_text("in the way")
    assert digest_path(write(tmp_path / "a", "1")) is not None


def test_what_cannot_be_read_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path) -> str:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(identity, "_digest_file", refuse)
    file = write(tmp_path / "a", "1")
    with pytest.raises(DataError, match=f"cannot read {file}: Permission denied; check its permissions"):
        digest_path(file)


def test_named_data_sets_have_none() -> None:
    assert [datasets.digest_files(name) for name in ("digits", "generated:mnist", "folder:nowhere")] == [None] * 3
