"""Downloads: the next mirror after any failure, hashes checked, and nothing left behind."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable
from pathlib import Path

import pytest

from rectifiers.core.errors import DataError
from rectifiers.datasets import check, load
from rectifiers.datasets.download import download
from rectifiers.datasets.files import Resource

from ..conftest import Mirror
from .conftest import Files

CONTENT = bytes(range(256)) * 20
MD5 = hashlib.md5(CONTENT).hexdigest()


def resource(*urls: str) -> Resource:
    return Resource("data.bin", MD5, urls)


def test_writes_the_file_and_nothing_else(mirror: Mirror, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    mirror.files["/data.bin"] = CONTENT
    target = tmp_path / "new" / "data.bin"
    with caplog.at_level(logging.INFO, "rectifiers.datasets.download"):
        download(resource(mirror.url + "data.bin"), target)
    assert target.read_bytes() == CONTENT
    assert [path.name for path in target.parent.iterdir()] == ["data.bin"]
    assert mirror.url in caplog.text


def test_next_mirror_after_each_kind_of_failure(mirror: Mirror, tmp_path: Path) -> None:
    mirror.files.update({"/wrong": b"something else", "/short": CONTENT, "/right": CONTENT})
    mirror.truncated.add("/short")
    names = ["absent", "wrong", "short", "right", "never"]
    download(resource(*(mirror.url + name for name in names)), tmp_path / "data.bin")
    assert (tmp_path / "data.bin").read_bytes() == CONTENT
    assert mirror.requests == ["/absent", "/wrong", "/short", "/right"]


def failure(tmp_path: Path, *urls: str) -> str:
    with pytest.raises(DataError) as caught:
        download(resource(*urls), tmp_path / "data.bin", timeout=5)
    assert not list(tmp_path.iterdir())
    return str(caught.value)


def test_wrong_hash(mirror: Mirror, md5: Callable[[bytes], str], tmp_path: Path) -> None:
    mirror.files["/data.bin"] = b"something else"
    message = failure(tmp_path, mirror.url + "data.bin")
    assert f"expected md5 {MD5}, found {md5(b'something else')}" in message


def test_not_found(mirror: Mirror, tmp_path: Path) -> None:
    assert f"{mirror.url}data.bin: answered 404 Not Found" in failure(tmp_path, mirror.url + "data.bin")


def test_truncated(mirror: Mirror, tmp_path: Path) -> None:
    mirror.files["/data.bin"] = CONTENT
    mirror.truncated.add("/data.bin")
    assert "sent 2,560 of 5,120 bytes" in failure(tmp_path, mirror.url + "data.bin")


def test_nobody_answers(mirror: Mirror, tmp_path: Path) -> None:
    mirror.server.shutdown()
    mirror.server.server_close()
    message = failure(tmp_path, mirror.url + "one", mirror.url + "two")
    assert "cannot download data.bin; check the network, or put the file at" in message
    assert message.count("Connection refused") == 2


def test_folder_that_cannot_be_written(mirror: Mirror, tmp_path: Path) -> None:
    mirror.files["/data.bin"] = CONTENT
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(DataError, match=r"cannot write .*choose another data folder"):
        download(resource(mirror.url + "data.bin"), tmp_path / "file" / "data.bin")


def test_full_disk_leaves_nothing(mirror: Mirror, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mirror.files["/data.bin"] = CONTENT

    def fail(path: Path, target: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(DataError, match=r"cannot write .*No space left on device"):
        download(resource(mirror.url + "data.bin"), tmp_path / "data.bin")
    assert not list(tmp_path.iterdir())


def test_load_fetches_what_is_missing_and_only_when_told(
    mirror: Mirror, small_mnist: Files, publish: Callable[[Files, str], None], write: Callable[..., Path]
) -> None:
    publish(small_mnist, mirror.url)
    mirror.files = {f"/{name}": content for name, content in small_mnist.items()}
    have = "train-images-idx3-ubyte.gz"
    folder = write({have: small_mnist[have]})
    with pytest.raises(DataError, match="3 of 4 files are missing"):
        load("mnist", folder)
    assert mirror.requests == []
    assert len(load("mnist", folder, download=True).test) == 10
    assert mirror.requests == [f"/{name}" for name in small_mnist if name != have]
    assert check("mnist", folder).ready
    assert (folder / "MNIST/raw/t10k-labels-idx1-ubyte.gz").is_file()
