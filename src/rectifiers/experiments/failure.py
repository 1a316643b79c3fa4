"""Why a trial ended without a result, and whether it is worth another try."""

from __future__ import annotations

import errno
import signal
import traceback
from dataclasses import dataclass

from ..core.memory import is_out_of_memory

_PASSING = frozenset({errno.EAGAIN, errno.ENOMEM, errno.EIO, errno.ESTALE, errno.EMFILE, errno.ENFILE, errno.EINTR})
"""Errors of the system that go by: too little of something at the moment, a network file system that hiccuped."""


@dataclass(frozen=True)
class Failure:
    """A trial that ended without a result.

    Args:
        story: what happened; its last line is the reason.
        passing: whether the cause may be gone the next time.
        memory: whether memory ran out.
        lost: whether the machine went away on which it ran.
    """

    story: str
    passing: bool = False
    memory: bool = False
    lost: bool = False


def from_error(error: Exception) -> Failure:
    """What an error that nobody foresaw says, with its traceback."""
    memory = is_out_of_memory(error)
    threads = isinstance(error, RuntimeError) and "can't start new thread" in str(error)
    passing = memory or threads or (isinstance(error, OSError) and error.errno in _PASSING)
    return Failure("".join(traceback.format_exception(error)), passing=passing, memory=memory)


def from_exit(code: int, last_words: str = "") -> Failure:
    """What the end of a process says.

    Args:
        code: its exit code; negative for a signal.
        last_words: what it wrote at the end.

    Example:
        >>> from_exit(-11).story
        'the process died (exit code -11, SIGSEGV)'
    """
    killed = code == -getattr(signal, "SIGKILL", 9)
    if killed:
        reason = f"the process died (exit code {code}); out of memory?"
    else:
        name = f", {signal.Signals(-code).name}" if -code in set(signal.Signals) else ""
        reason = f"the process died (exit code {code}{name})"
    return Failure("\n".join(filter(None, (last_words.strip(), reason))), passing=True, memory=killed)


def from_silence(seconds: float) -> Failure:
    """A process that was stopped because nothing came from it any more."""
    return Failure(f"no step for {seconds:.0f} s; the process hung and was ended", passing=True)
