"""Download of a published file: from mirrors in turn, its hash checked, put in place only once it is whole.

What has arrived lies in a file that ends in `.part`. If a connection breaks, or the process dies, the next attempt asks
a server that can for the rest.
"""

from __future__ import annotations

import hashlib
import logging
import os
import platform
import re
import time
from contextlib import suppress
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import BinaryIO
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from ..core.errors import DataError
from .files import Resource

_CHUNK = 1 << 16
_TRIES = 5
"""Attempts at one mirror, as long as each brings something."""
_PATIENCE = 60.0
"""Seconds over which a mirror has to send as much as `_SLOWEST` says."""
_SLOWEST = 1000.0
"""Bytes per second."""
_ABANDONED = 3600.0
"""Seconds after which an unfinished file of another machine belongs to nobody."""
_log = logging.getLogger(__name__)


class _MirrorError(Exception):
    """One mirror failed; the next may work, or this one if it can send the rest alone."""

    def __init__(self, reason: object, *, resumable: bool = False) -> None:
        super().__init__(reason)
        self.resumable = resumable


def download(resource: Resource, target: Path, *, timeout: float = 30.0) -> None:
    """Fetch a file to `target`, in place of one that is there; proxies are taken from the environment.

    Args:
        resource: the file, with its mirrors and hash.
        target: path to write; its folder is made.
        timeout: seconds without an answer after which the next mirror is tried.

    Raises:
        DataError: no mirror gave the file with the right hash, or it cannot be written.
    """
    failures: list[tuple[str, _MirrorError]] = []
    part = _name_part(target, os.getpid())
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _adopt(target, part)
        for url in resource.urls:
            _log.info("downloading %s to %s", url, target)
            try:
                _fetch(url, part, resource, timeout)
            except _MirrorError as error:
                failures.append((url, error))
            else:
                part.replace(target)
                return
        if not any(error.resumable for _, error in failures):
            part.unlink(missing_ok=True)
    except OSError as error:
        with suppress(OSError):
            part.unlink(missing_ok=True)
        raise DataError(f"cannot write {target}: {error.strerror or error}; choose another data folder") from error
    raise DataError(
        f"cannot download {resource.file}; check the network, or put the file at {target} yourself. "
        f"Tried {'; '.join(f'{url}: {error}' for url, error in failures)}"
    )


def _name_part(target: Path, process: int) -> Path:
    machine = re.sub(r"\W", "-", platform.node()) or "machine"
    return target.with_name(f"{target.name}.{machine}.{process}.part")


def _adopt(target: Path, part: Path) -> None:
    """Go on with the largest unfinished file of processes that are no more; the others are tidied away."""
    pattern = re.compile(re.escape(target.name) + r"\.[\w-]+\.(\d{1,18})\.part")
    for path in target.parent.iterdir():
        match = pattern.fullmatch(path.name)
        if match is None or path == part:
            continue
        process = int(match[1])
        if path == _name_part(target, process):
            if _lives(process):
                continue
        elif time.time() - path.stat().st_mtime < _ABANDONED:
            continue
        if _size(part) >= path.stat().st_size:
            path.unlink()
        else:
            path.replace(part)


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _fetch(url: str, part: Path, resource: Resource, timeout: float) -> None:
    """Fetch the rest of a file, or all of it; try again while a broken connection brings something.

    Raises:
        _MirrorError: this mirror does not give it.
        OSError: it cannot be written.
    """
    for attempt in range(1, _TRIES + 1):
        before = _size(part)
        try:
            _receive(url, part, resource, timeout)
        except _MirrorError as error:
            if attempt == _TRIES or not error.resumable or _size(part) <= before:
                raise
            continue
        found = _digest(part, resource)
        if found.startswith(resource.hash):
            return
        part.unlink()
        # What had arrived before may have been damaged, or part of another version.
        if not before or attempt == _TRIES:
            raise _MirrorError(f"expected {resource.algorithm} {resource.hash}, found {found}")


def _receive(url: str, part: Path, resource: Resource, timeout: float) -> None:
    have = _size(part)
    headers = {"User-Agent": "rectifiers", **({"Range": f"bytes={have}-"} if have else {})}
    try:
        response: HTTPResponse = urlopen(Request(url, headers=headers), timeout=timeout)
    except HTTPError as error:
        error.close()
        if error.code == 416 and have:  # nothing is left to send, or another file is there now: its hash tells
            return
        reason = str(error.reason).partition("\n")[0]
        raise _MirrorError(f"answered {error.code} {reason}") from error
    except (OSError, HTTPException, ValueError) as error:  # the last for places that a proxy or an answer names
        raise _MirrorError(str(getattr(error, "reason", None) or error).partition("\n")[0]) from error
    with response:
        resumed = response.status == 206 and response.headers.get("Content-Range", "").startswith(f"bytes {have}-")
        resumable = resumed or response.headers.get("Accept-Ranges") == "bytes"
        have = have if resumed else 0
        expected = _length(response)
        if expected is not None and have + expected > resource.most:
            raise _MirrorError(f"sends {have + expected:,} bytes, more than the {resource.most:,} that it may have")
        with part.open("ab" if resumed else "wb") as file:
            received = _copy(response, file, resource.most - have, resumable)
    if expected is not None and received != expected:
        raise _MirrorError(f"sent {received:,} of {expected:,} bytes", resumable=resumable)


def _length(response: HTTPResponse) -> int | None:
    """Read how many bytes will come; None if the server does not say."""
    text = response.headers.get("Content-Length")
    if text is not None and not (text.isascii() and text.isdecimal() and len(text) < 16):
        raise _MirrorError(f"answered with a Content-Length of {text[:40]!r}")
    return None if text is None else int(text)


def _copy(response: HTTPResponse, file: BinaryIO, most: int, resumable: bool) -> int:
    """Copy what comes to a file, and count it."""
    count, counted, since = 0, 0, time.monotonic()
    while chunk := _read(response, resumable):
        file.write(chunk)
        count += len(chunk)
        if count > most:
            raise _MirrorError(f"sent more than the {most:,} bytes that it may have")
        waited = time.monotonic() - since
        if waited > _PATIENCE:
            if count - counted < _SLOWEST * waited:
                raise _MirrorError(
                    f"sent {count - counted:,} bytes in {waited:.0f} s; expected {_SLOWEST:,.0f} a second",
                    resumable=resumable,
                )
            counted, since = count, time.monotonic()
    return count


def _read(response: HTTPResponse, resumable: bool) -> bytes:
    # Its errors are the mirror's; those of the file are not.
    try:
        return response.read1(_CHUNK)
    except (OSError, HTTPException) as error:
        raise _MirrorError(error, resumable=resumable) from error


def _digest(path: Path, resource: Resource) -> str:
    digest = hashlib.new(resource.algorithm, usedforsecurity=False)
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()
