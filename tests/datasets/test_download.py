"""Downloads: the next mirror after any failure, hashes checked, and nothing left behind."""

from __future__ import annotations

import hashlib
import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from rectifiers.core.errors import DataError
from rectifiers.datasets import check, load
from rectifiers.datasets.download import _name_part, download
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


class Difficult(BaseHTTPRequestHandler):
    """Sends what its server's `content` is, in one of several ways that are named by the path."""

    def do_GET(self) -> None:
        """Answer."""
        server: Any = self.server
        server.ranges.append(self.headers.get("Range"))
        getattr(self, f"_{self.path.strip('/')}")(server.content)

    def _begin(self, status: int, **headers: object) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()

    def _breaking(self, content: bytes) -> None:
        """Sends 2,000 bytes at a time, and can go on where it broke off."""
        asked = self.headers.get("Range")
        first = int(asked.removeprefix("bytes=").removesuffix("-")) if asked else 0
        told = {"Content_Range": f"bytes {first}-{len(content) - 1}/{len(content)}"} if asked else {}
        self._begin(206 if asked else 200, Accept_Ranges="bytes", Content_Length=len(content) - first, **told)
        self.wfile.write(content[first:][:2000])

    def _stuck(self, content: bytes) -> None:
        self._begin(200, Accept_Ranges="bytes", Content_Length=len(content))
        self.wfile.write(content[:1000])
        self.wfile.flush()
        time.sleep(2)

    def _dripping(self, content: bytes) -> None:
        self._begin(200, Content_Length=len(content))
        with suppress(OSError):
            for number in range(200):
                self.wfile.write(content[number : number + 1])
                self.wfile.flush()
                time.sleep(0.01)

    def _endless(self, content: bytes) -> None:
        self._begin(200)
        with suppress(OSError):
            while True:
                self.wfile.write(content)

    def _huge(self, content: bytes) -> None:
        self._begin(200, Content_Length=10**12)

    def _nonsense(self, content: bytes) -> None:
        self._begin(200, Content_Length="many")
        self.wfile.write(content)

    def _elsewhere(self, content: bytes) -> None:
        self._begin(302, Location=f"http://{'a' * 64}.example/", Content_Length=0)

    def _exhausted(self, content: bytes) -> None:
        self._begin(416, Content_Length=0)

    def log_message(self, *arguments: object) -> None:
        """Say nothing."""


@pytest.fixture
def difficult(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A server that sends in difficult ways, with its address as `url` and the ranges it was asked for as `ranges`."""
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    server: Any = ThreadingHTTPServer(("127.0.0.1", 0), Difficult)
    server.content, server.ranges, server.url = CONTENT, [], f"http://127.0.0.1:{server.server_port}/"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_broken_connection_is_taken_up_where_it_broke(difficult: Any, tmp_path: Path) -> None:
    download(resource(difficult.url + "breaking"), tmp_path / "data.bin")
    assert (tmp_path / "data.bin").read_bytes() == CONTENT
    assert difficult.ranges == [None, "bytes=2000-", "bytes=4000-"]
    assert [path.name for path in tmp_path.iterdir()] == ["data.bin"]


def a_dead_process() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def left_by(process: int, folder: Path, content: bytes) -> Path:
    path = _name_part(folder / "data.bin", process)
    path.write_bytes(content)
    return path


def test_what_dead_processes_have_left_is_gone_on_with(difficult: Any, tmp_path: Path) -> None:
    dead = a_dead_process()
    left_by(dead, tmp_path, CONTENT[:3500])
    living = left_by(os.getppid(), tmp_path, CONTENT[:10])
    other = tmp_path / "data.bin.elsewhere.1.part"
    other.write_bytes(b"of another machine")
    abandoned = tmp_path / "data.bin.elsewhere.2.part"
    abandoned.write_bytes(b"of another machine, long ago")
    os.utime(abandoned, (0, 0))
    download(resource(difficult.url + "breaking"), tmp_path / "data.bin")
    assert (tmp_path / "data.bin").read_bytes() == CONTENT
    assert difficult.ranges == ["bytes=3500-"]
    assert sorted(tmp_path.iterdir()) == sorted([tmp_path / "data.bin", living, other])


def test_what_was_left_and_is_damaged_is_not_gone_on_with(difficult: Any, tmp_path: Path) -> None:
    left_by(a_dead_process(), tmp_path, b"x" * 4000)
    download(resource(difficult.url + "breaking"), tmp_path / "data.bin")
    assert (tmp_path / "data.bin").read_bytes() == CONTENT
    assert difficult.ranges[0] == "bytes=4000-"
    assert difficult.ranges[1] is None


def test_a_mirror_of_another_version_that_breaks_off_is_given_up(
    difficult: Any, mirror: Mirror, tmp_path: Path
) -> None:
    mirror.files["/right"] = CONTENT
    difficult.content = b"x" * 9000  # arrives in five parts, all attempts that there are
    download(resource(difficult.url + "breaking", mirror.url + "right"), tmp_path / "data.bin")
    assert (tmp_path / "data.bin").read_bytes() == CONTENT
    assert len(difficult.ranges) == 5


def test_what_has_arrived_stays_for_the_next_attempt(difficult: Any, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"stuck: .*timed out"):
        download(resource(difficult.url + "stuck"), tmp_path / "data.bin", timeout=0.2)
    (part,) = tmp_path.iterdir()
    assert part.read_bytes() == CONTENT[:1000]
    download(resource(difficult.url + "breaking"), tmp_path / "data.bin")
    assert "bytes=1000-" in difficult.ranges


@pytest.mark.parametrize(
    ("way", "message"),
    [
        ("endless", "sent more than the 50,000 bytes that it may have"),
        ("huge", "sends 1,000,000,000,000 bytes, more than the 50,000 that it may have"),
        ("nonsense", "answered with a Content-Length of 'many'"),
        ("dripping", "sent .* bytes in .* s; expected 1,000 a second"),
        ("elsewhere", "label (empty or )?too long"),
        ("exhausted", "answered 416"),
    ],
)
def test_limits_of_size_and_time_and_answers_without_sense(
    way: str, message: str, difficult: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rectifiers.datasets.download._PATIENCE", 0.2)
    with pytest.raises(DataError, match=message):
        download(replace(resource(difficult.url + way), most=50_000), tmp_path / "data.bin")
    assert not list(tmp_path.iterdir())


def test_a_damaged_file_is_replaced(
    mirror: Mirror, small_mnist: Files, publish: Callable[[Files, str], None], write: Callable[..., Path]
) -> None:
    publish(small_mnist, mirror.url)
    mirror.files = {f"/{name}": content for name, content in small_mnist.items()}
    damaged = "train-images-idx3-ubyte.gz"
    folder = write({**small_mnist, damaged: small_mnist[damaged][:-1]}, "MNIST/raw")
    with pytest.raises(DataError, match="is damaged"):
        load("mnist", folder)
    assert len(load("mnist", folder, download=True).test) == 10
    assert mirror.requests == [f"/{damaged}"]
    assert (folder / "MNIST/raw" / damaged).read_bytes() == small_mnist[damaged]


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
