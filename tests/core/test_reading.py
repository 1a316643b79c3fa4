"""Files that are damaged or made to do harm: what is read of them, and how they are named."""

from __future__ import annotations

import gzip
import io
import json
import os
import zlib
from pathlib import Path

import pytest

from rectifiers.core.errors import ConfigError, DataError, StoreError
from rectifiers.core.reading import Meter, allowance, damage, inflate, parse_json, read_regular


def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="not a regular file"):
        read_regular(tmp_path / "pipe")
    (tmp_path / "file").write_bytes(b"content")
    assert read_regular(tmp_path / "file") == b"content"


@pytest.mark.parametrize(
    "error", [ValueError("no"), RecursionError(), KeyError("k"), MemoryError(), OverflowError("big"), zlib.error("bad")]
)
def test_what_a_parser_raises_is_named(error: Exception) -> None:
    with (
        pytest.raises(StoreError, match=r"^a\.json is damaged: .+; delete it$"),
        damage("a.json is damaged", error_class=StoreError, advice="delete it"),
    ):
        raise error


def test_errors_on_purpose_and_others_pass() -> None:
    with pytest.raises(ConfigError, match=r"^as it is$"), damage("never seen"):
        raise ConfigError("as it is")
    with pytest.raises(KeyboardInterrupt), damage("never seen"):
        raise KeyboardInterrupt

    class OwnError(Exception):
        """A parser's own."""

    with pytest.raises(OwnError), damage("unknown to it"):
        raise OwnError
    with pytest.raises(DataError, match="known to it: OwnError"), damage("known to it", OwnError):
        raise OwnError


def test_a_meter_reads_like_the_file_up_to_its_limit() -> None:
    content = bytes(range(256)) * 10
    packed = gzip.compress(content)
    meter = Meter(gzip.GzipFile(fileobj=io.BytesIO(packed)), limit=len(content))
    assert meter.read(3) == content[:3]
    assert meter.seek(1000) == meter.tell() == 1000
    assert meter.read() == content[1000:]
    assert meter.read() == b""
    with pytest.raises(OSError, match="unpacks to more than 2,560 bytes"):
        meter.seek(2561)
    with pytest.raises(OSError, match="unpacks to more than 2,559 bytes"):
        Meter(gzip.GzipFile(fileobj=io.BytesIO(packed)), limit=len(content) - 1).read()


def test_inflate_wants_the_whole_stream_and_no_more() -> None:
    packed = zlib.compress(b"abc" * 1000)
    assert inflate(packed, 3000) == b"abc" * 1000
    with pytest.raises(ValueError, match="more than 2,999 bytes"):
        inflate(packed, 2999)
    for end in range(len(packed)):
        with pytest.raises(ValueError, match="truncated"):
            inflate(packed[:end], 3000)


@pytest.mark.parametrize("text", ["[" * 10**5, '{"a":' * 10**5, "1" * 5000, "", b"\xff", "{"])
def test_json_that_cannot_be_read_is_a_value_error(text: str | bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_json(text)
    assert parse_json(json.dumps({"a": [1]})) == {"a": [1]}


def test_the_allowance_grows_with_the_file() -> None:
    assert allowance(0) < allowance(1000) < 10**8 < allowance(10**6)
