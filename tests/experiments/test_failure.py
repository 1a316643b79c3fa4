"""Failures in classes: which may pass, and which are about memory."""

from __future__ import annotations

import errno
import os

import pytest
import torch

from rectifiers.experiments.failure import from_error, from_exit, from_silence


@pytest.mark.parametrize(
    ("error", "passing", "memory"),
    [
        (MemoryError(), True, True),
        (torch.OutOfMemoryError("CUDA out of memory"), True, True),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory"), True, True),
        (RuntimeError("can't start new thread"), True, False),
        (BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable"), True, False),
        (OSError(errno.EIO, "Input/output error"), True, False),
        (FileNotFoundError(errno.ENOENT, "No such file"), False, False),
        (RuntimeError("shapes do not fit"), False, False),
        (ZeroDivisionError(), False, False),
    ],
)
def test_errors(error: Exception, passing: bool, memory: bool) -> None:
    failure = from_error(error)
    assert (failure.passing, failure.memory) == (passing, memory)
    assert type(error).__name__ in failure.story


def test_ends_of_processes() -> None:
    assert from_exit(-9).story == "the process died (exit code -9); out of memory?"
    assert from_exit(-9).memory
    assert from_exit(-7).story == "the process died (exit code -7, SIGBUS)"
    told = from_exit(1, "Traceback\nKeyError: 'x'\n")
    assert told.story == "Traceback\nKeyError: 'x'\nthe process died (exit code 1)"
    assert told.passing
    assert not told.memory
    assert from_exit(os.EX_OK).passing


def test_silence() -> None:
    assert from_silence(120.4).story == "no step for 120 s; the process hung and was ended"
