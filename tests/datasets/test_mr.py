"""MR's sentences, from the files or from the archive, and the stratified tenth for testing."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from rectifiers.core.errors import DataError
from rectifiers.datasets import check, load
from rectifiers.datasets.characters import encode
from rectifiers.datasets.files import Resource
from rectifiers.datasets.mr import MR

from ..conftest import Mirror
from .conftest import Files

NEG, POS = "rt-polarity.neg", "rt-polarity.pos"


def sentences(word: str, count: int = 5331) -> bytes:
    # The byte 0x85 ends a line in Unicode, and is a dash of dots in the published files.
    return b"".join(f"{word} {number} \x85 \xe9 \n".encode("latin-1") for number in range(count))


@pytest.fixture
def files() -> Files:
    return {NEG: sentences("bad"), POS: sentences("good")}


def pack(files: Files, md5: Callable[[bytes], str], monkeypatch: pytest.MonkeyPatch) -> Files:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, content in {**files, "README": b"read me"}.items():
            member = tarfile.TarInfo(name if name == "README" else f"rt-polaritydata/{name}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    name, content = "rt-polaritydata.tar.gz", buffer.getvalue()
    monkeypatch.setattr(MR, "resources", (Resource(name, md5(content), (f"http://nowhere.invalid/{name}",)),))
    return {name: content}


def test_files_and_archive_give_the_same(
    files: Files,
    write: Callable[..., Path],
    md5: Callable[[bytes], str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    unpacked = load("mr", write(files, "one/MR") / "one")
    packed = load("mr", write(pack(files, md5, monkeypatch), "two") / "two")
    assert torch.equal(unpacked.train.codes, packed.train.codes)
    assert torch.equal(unpacked.train.bounds, packed.train.bounds)
    assert torch.equal(unpacked.test.labels, packed.test.labels)


def test_a_stratified_tenth_is_for_testing(files: Files, write: Callable[..., Path]) -> None:
    data = load("mr", write(files))
    assert (len(data.train), len(data.test)) == (9595, 1067)
    assert data.test.labels.bincount().tolist() in ([533, 534], [534, 533])
    assert data.train.labels.sum() + data.test.labels.sum() == 5331
    begins = {0: "bad", 1: "good"}
    for number in (0, 500, 1066):
        start, _ = data.test.bounds[number].tolist()
        word = begins[int(data.test.labels[number])]
        assert bytes(data.test.codes[start : start + len(word)].tolist()) == encode(word.encode())
    assert "fixed stratified tenth" in data.note
    assert "outside the alphabet" in data.note


def test_short_is_as_long_as_the_longest(files: Files, write: Callable[..., Path]) -> None:
    folder = write({**files, NEG: sentences("bad", 5330) + b"x" * 99 + b"\n"})
    assert load("mr-short", folder).shape == (70, 99)
    assert load("mr", folder).shape == (70, 1014)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (sentences("bad", 5330), r"rt-polarity.neg: expected 5,331 lines, found 5,330; get it again"),
        (sentences("bad", 5330) + b"  \n", r"rt-polarity.neg, line 5331: expected a sentence, found nothing"),
        (b"", r"rt-polarity.neg: expected 5,331 lines, found 1"),
    ],
)
def test_damaged(content: bytes, message: str, files: Files, write: Callable[..., Path]) -> None:
    with pytest.raises(DataError, match=message):
        load("mr", write({**files, NEG: content}))


def test_missing(files: Files, write: Callable[..., Path]) -> None:
    folder = write({NEG: files[NEG]})
    with pytest.raises(DataError, match=r"mr: 1 of 1 file is missing; .*--download.*cornell"):
        load("mr", folder)
    assert not check("mr", folder).ready
    assert check("mr", write(files)).ready


def test_fetches_the_archive_unless_the_files_are_there(
    files: Files,
    write: Callable[..., Path],
    md5: Callable[[bytes], str],
    monkeypatch: pytest.MonkeyPatch,
    mirror: Mirror,
    tmp_path: Path,
) -> None:
    packed = pack(files, md5, monkeypatch)
    (resource,) = MR.resources
    monkeypatch.setattr(MR, "resources", (Resource(resource.file, resource.hash, (mirror.url + resource.file,)),))
    mirror.files = {f"/{name}": content for name, content in packed.items()}
    load("mr", write(files, "have"), download=True)
    assert len(load("mr", write(files, "have") / "have", download=True).train) == 9595
    assert len(load("mr", tmp_path / "lack", download=True).train) == 9595
    assert [path.name for path in (tmp_path / "lack" / "MR").iterdir()] == ["rt-polaritydata.tar.gz"]


@pytest.mark.skipif(not check("mr").ready, reason="RECTIFIERS_DATA holds no MR")
def test_published_mr() -> None:
    data = load("mr-short")
    assert (len(data.train), len(data.test), data.shape) == (9595, 1067, (70, 267))
