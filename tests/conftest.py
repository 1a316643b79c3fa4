"""What all tests share: a fixed seed, examples that repeat, and a server on this machine to download from."""

from __future__ import annotations

import hashlib
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import torch
from hypothesis import settings

from rectifiers.datasets.files import Resource
from rectifiers.experiments import own
from rectifiers.experiments.pretrained import PRETRAINED, Pretrained
from rectifiers.training.reproducible import flushes_denormals

settings.register_profile("repeatable", deadline=None, derandomize=True, max_examples=50)
settings.load_profile("repeatable")


@pytest.fixture(autouse=True)
def _fixed_seed() -> None:
    torch.manual_seed(0)


@pytest.fixture(autouse=True)
def _denormals() -> Iterator[None]:
    """They count, and do after a test as before it: whether they do belongs to the process."""
    torch.set_flush_denormal(False)
    yield
    assert not flushes_denormals(), "this test leaves a process that takes denormal numbers for zero"


@pytest.fixture(autouse=True)
def _import_path() -> Iterator[None]:
    """What a test imports from its folder, the next ones do not find."""
    before = [*sys.path]
    yield
    sys.path[:] = before


class Mirror:
    """A server on this machine; `files` maps paths to what it sends, `truncated` lists paths it breaks off."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.truncated: set[str] = set()
        self.requests: list[str] = []
        mirror = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                mirror.requests.append(self.path)
                content = mirror.files.get(self.path)
                if content is None:
                    self.send_error(404)
                    return
                self.send_response(200)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content[: len(content) // 2] if self.path in mirror.truncated else content)

            def log_message(self, *arguments: object) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/"


@pytest.fixture
def mirror(monkeypatch: pytest.MonkeyPatch) -> Iterator[Mirror]:
    """A mirror that runs while the test does, and that no proxy stands before."""
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    mirror = Mirror()
    thread = threading.Thread(target=mirror.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield mirror
    mirror.server.shutdown()
    thread.join()
    mirror.server.server_close()


@pytest.fixture
def publish_weights(mirror: Mirror, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str, str, bytes], None]:
    """Let there be published weights: their name, network and file, and what the mirror sends for it."""

    def publish(name: str, network: str, file: str, content: bytes) -> None:
        resource = Resource(file, hashlib.sha256(content).hexdigest()[:8], (mirror.url + file,), algorithm="sha256")
        monkeypatch.setitem(PRETRAINED, name, Pretrained(name, network, resource, len(content) / 1e9))
        mirror.files[f"/{file}"] = content

    return publish


MY_ACT = '''
import torch
from torch import nn


class MyAct(nn.Module):
    """x·σ(a·x)."""

    def __init__(self):
        super().__init__()
        self.a = nn.Parameter(torch.tensor([1.0]))

    def forward(self, x):
        return x * torch.sigmoid(self.a * x)
'''


@pytest.fixture
def own_file(tmp_path: Path) -> Iterator[Callable[..., Path]]:
    """Writes a file of a user's own, by default one with an activation; what is used of it is forgotten afterwards."""
    before = own.loaded()

    def write(content: str = MY_ACT, name: str = "my_act.py") -> Path:
        path = tmp_path / name
        path.write_text(content, encoding="utf-8")
        return path

    yield write
    for one in own.loaded():
        if one not in before:
            own.forget(one)
