"""Processes, so named that others on this machine can tell whether they have ended."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path


def this_process() -> str:
    """This process among all of all machines; empty where the system does not tell."""
    return _name(os.getpid())


def has_ended(process: object, pid: object) -> bool:
    """Whether a process is known to have ended; one of another machine never is.

    Args:
        process: what `this_process` gave in it, as a file says.
        pid: its number, as a file says.

    Example:
        >>> has_ended(this_process(), os.getpid()), has_ended("another machine 1", 1)
        (False, False)
    """
    if not isinstance(pid, int) or pid < 1:
        return False
    return is_of_this_machine(process) and process != _name(pid)


def is_of_this_machine(process: object) -> bool:
    """Whether a process is one of which `has_ended` can tell.

    Args:
        process: what `this_process` gave in it, as a file says.

    Example:
        >>> is_of_this_machine("another machine 1")
        False
    """
    ours = machine()
    return bool(ours) and isinstance(process, str) and process.rpartition(" ")[0] == ours


@cache
def machine() -> str:
    """This start of this machine, and the space in which its process ids count; empty where nothing tells."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot} {os.readlink('/proc/self/ns/pid')}"  # noqa: PTH115 - not a path
    except OSError:
        return ""


def _name(pid: int) -> str:
    return f"{machine()} {_started(pid)}" if machine() else ""


def _started(pid: int) -> str:
    """When a process started, so that another one with its number is not taken for it; empty if there is none."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
    except OSError:
        return ""
    # A process that has ended and was not yet collected is none.
    return "" if fields[0] in (b"Z", b"X") else fields[19].decode()
