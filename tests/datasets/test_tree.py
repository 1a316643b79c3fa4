"""Archives are read where they lie: whatever is in them, nothing is written, and nothing outside is read."""

from __future__ import annotations

import io
import tarfile
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

import pytest

from rectifiers.core.errors import DataError
from rectifiers.datasets.tree import Archive, open_tree

from .conftest import Files

FILES = {"top/a/1.txt": b"one", "top/a/2.txt": b"two", "top/b/3.txt": b"three", "top/readme": b"four"}


def tar(
    path: Path, members: Iterable[tarfile.TarInfo] = (), files: Files = FILES, mode: Literal["w", "w:gz"] = "w:gz"
) -> Path:
    with tarfile.open(path, mode) as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
        for member in members:
            archive.addfile(member)
    return path


def link(name: str, target: str, kind: bytes = tarfile.SYMTYPE) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, target
    return member


def archive_of(tmp_path: Path, kind: str) -> Path:
    path = tmp_path / f"data.{kind}"
    if kind != "zip":
        return tar(path, mode="w" if kind == "tar" else "w:gz")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.mkdir("top")
        for name, content in FILES.items():
            archive.writestr(name, content)
    return path


def unpacked(tmp_path: Path) -> Path:
    for name, content in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return tmp_path / "top"


@pytest.mark.parametrize("kind", ["folder", "tar", "tar.gz", "tgz", "zip"])
def test_all_kinds_look_alike(kind: str, tmp_path: Path) -> None:
    tree = open_tree(unpacked(tmp_path) if kind == "folder" else archive_of(tmp_path, kind))
    assert tree.folders() == ["a", "b"]
    assert tree.folders("a") == []
    assert tree.files() == ["readme"]
    assert tree.files("a") == ["a/1.txt", "a/2.txt"]
    assert (tree.read("b/3.txt"), tree.size("b/3.txt")) == (b"three", 5)


def test_archive_without_a_top_folder(tmp_path: Path) -> None:
    tree = open_tree(tar(tmp_path / "data.tar", files={"a/1": b"", "2": b"x"}, mode="w"))
    assert (tree.folders(), tree.files(), tree.files("a")) == (["a"], ["2"], ["a/1"])


def test_named_wants_exactly_one(tmp_path: Path) -> None:
    archive = Archive(tar(tmp_path / "data.tgz", files={"x/same": b"", "y/same": b"", "y/one": b"1"}))
    assert archive.read_by_name("one") == b"1"
    for name, count in (("same", 2), ("none", 0)):
        with pytest.raises(DataError, match=f"data.tgz: expected one file {name} in the archive, found {count}"):
            archive.read_by_name(name)


@pytest.mark.parametrize("name", ["../evil", "top/../../evil", "/etc/evil", "top\\..\\evil"])
def test_names_that_lead_out_are_refused(name: str, tmp_path: Path) -> None:
    inside = tmp_path / "inside"
    inside.mkdir()
    path = tar(inside / "data.tar.gz", files={**FILES, name: b"evil"})
    with pytest.raises(DataError, match=r"data.tar.gz: refused because its member .* leads out of the archive"):
        open_tree(path)
    zipped = inside / "data.zip"
    with zipfile.ZipFile(zipped, "w") as archive:
        archive.writestr(name, b"evil")
    with pytest.raises(DataError, match=r"data.zip: refused because its member .* leads out of the archive"):
        open_tree(zipped)
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["data.tar.gz", "data.zip", "inside"]


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE])
def test_links_and_devices_are_refused(kind: bytes, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("secret")
    path = tar(tmp_path / "data.tar.gz", [link("top/a/0.txt", str(secret), kind)])
    with pytest.raises(DataError, match=r"refused because its member 'top/a/0.txt' is a link or a device"):
        open_tree(path)


@pytest.mark.parametrize("kind", ["tar", "tar.gz", "zip"])
def test_truncated_archive(kind: str, tmp_path: Path) -> None:
    path = archive_of(tmp_path, kind)
    content = path.read_bytes()
    ends = range(0, 2560, 512) if kind == "tar" else range(0, len(content), 20)
    for end in ends:
        path.write_bytes(content[:end])
        with pytest.raises(DataError, match=rf"data\.{kind}: cannot be read as an archive"):
            open_tree(path)


def test_nothing_and_no_archive(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"empty.tar: expected files in the archive, found none"):
        open_tree(tar(tmp_path / "empty.tar", files={}, mode="w"))
    (tmp_path / "notes.txt").write_text("no archive")
    for name in ("notes.txt", "nowhere"):
        with pytest.raises(DataError, match=rf"no folder .*{name}; write the path of a folder, or of an archive"):
            open_tree(tmp_path / name)


@pytest.mark.parametrize("kind", ["folder", "zip"])
def test_missing_member(kind: str, tmp_path: Path) -> None:
    tree = open_tree(unpacked(tmp_path) if kind == "folder" else archive_of(tmp_path, kind))
    with pytest.raises(DataError, match=r"a/9\.txt"):
        tree.read("a/9.txt")
