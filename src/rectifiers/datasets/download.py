"""Download of a published file: from mirrors in turn, its hash checked, put in place only once it is whole."""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Iterator
from http.client import HTTPException
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from ..core.errors import DataError
from .files import Resource

_CHUNK = 1 << 20
_log = logging.getLogger(__name__)


class _MirrorError(Exception):
    """One mirror failed; the next may work."""


def download(resource: Resource, target: Path, *, timeout: float = 30.0) -> None:
    """Fetch a file to `target`; proxies are taken from the environment.

    Args:
        resource: the file, with its mirrors and hash.
        target: path to write; its folder is made.
        timeout: seconds without an answer after which the next mirror is tried.

    Raises:
        DataError: no mirror gave the file with the right hash, or it cannot be written.
    """
    failures = []
    for url in resource.urls:
        _log.info("downloading %s to %s", url, target)
        try:
            _store(_chunks(url, timeout), target, resource)
        except _MirrorError as error:
            failures.append(f"{url}: {error}")
        except OSError as error:
            raise DataError(f"cannot write {target}: {error.strerror or error}; choose another data folder") from error
        else:
            return
    raise DataError(
        f"cannot download {resource.file}; check the network, or put the file at {target} yourself. "
        f"Tried {'; '.join(failures)}"
    )


def _chunks(url: str, timeout: float) -> Iterator[bytes]:
    received = 0
    try:
        with urlopen(Request(url, headers={"User-Agent": "rectifiers"}), timeout=timeout) as response:
            length = response.headers.get("Content-Length")
            while chunk := response.read(_CHUNK):
                received += len(chunk)
                yield chunk
    except HTTPError as error:
        error.close()
        raise _MirrorError(f"answered {error.code} {error.reason}") from error
    except (OSError, HTTPException) as error:
        raise _MirrorError(getattr(error, "reason", None) or error) from error
    if length is not None and received != int(length):
        raise _MirrorError(f"sent {received:,} of {int(length):,} bytes")


def _store(chunks: Iterator[bytes], target: Path, resource: Resource) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f"{target.name}.{os.getpid()}.part")
    digest = hashlib.new(resource.algorithm, usedforsecurity=False)
    try:
        with part.open("wb") as file:
            for chunk in chunks:
                digest.update(chunk)
                file.write(chunk)
        if not digest.hexdigest().startswith(resource.hash):
            raise _MirrorError(f"expected {resource.algorithm} {resource.hash}, found {digest.hexdigest()}")
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
