"""Archives are read where they lie: whatever is in them, nothing is written, and nothing outside is read."""

from __future__ import annotations

import io
import os
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
        archive.writestr("top/", "")
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


def bombs(path: Path) -> list[Path]:
    """Small archives that unpack to 100 MB: by deflate, gzip, bzip2 and xz, and by what a header claims."""
    zeros = bytes(10**8)
    member = tarfile.TarInfo("top/zeros")
    member.size = len(zeros)
    made = [path / "bomb.zip"]
    with zipfile.ZipFile(made[0], "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("top/zeros", zeros)
    for kind in ("gz", "bz2", "xz"):
        made.append(path / f"bomb-{kind}.tar")
        with tarfile.open(made[-1], f"w:{kind}") as packed:  # type: ignore[call-overload]
            packed.addfile(member, io.BytesIO(zeros))
    made.append(path / "bomb-sparse.tar")
    sparse = tarfile.TarInfo("top/zeros")
    sparse.pax_headers = {"GNU.sparse.major": "0", "GNU.sparse.map": "0,0", "GNU.sparse.size": str(10**12)}
    with tarfile.open(made[-1], "w", format=tarfile.PAX_FORMAT) as packed:
        packed.addfile(sparse)
    return made


def test_archives_that_unpack_without_end_are_refused(tmp_path: Path) -> None:
    for bomb in bombs(tmp_path):
        assert bomb.stat().st_size < 200_000
        with pytest.raises(DataError, match=rf"{bomb.name}: .*unpacks? to more than"):
            open_tree(bomb)


def test_a_locked_zip_and_one_of_another_method(tmp_path: Path) -> None:
    path = archive_of(tmp_path, "zip")
    content = bytearray(path.read_bytes())
    for signature, flags in ((b"PK\x01\x02", 8), (b"PK\x03\x04", 6)):
        content[content.rindex(signature) + flags] |= 1
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"data\.zip: cannot be read as an archive: .*password required"):
        open_tree(path)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("a", b"1")
    with pytest.raises(DataError, match="packed by another method than deflate"):
        open_tree(path)


def test_a_pipe_in_a_folder_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "train.csv")
    with pytest.raises(DataError, match=r"cannot read .*train\.csv: is not a regular file"):
        open_tree(tmp_path).read("train.csv")


def test_names_that_are_no_text_can_be_printed(tmp_path: Path) -> None:
    name = os.fsdecode(b"K\xe4fer.txt")
    (tmp_path / name).write_bytes(b"content")
    tree = open_tree(tmp_path)
    assert tree.read(*tree.files()) == b"content"
    assert tree.where(name).endswith("K\\xe4fer.txt")
