"""Where a result was made: versions, commit, machine, command."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

import numpy
import torch

from ..core.version import __version__

GIT_SECONDS = 5.0
"""What git may take to answer; a result without the commit is worth more than none."""


@cache
def provenance() -> dict[str, str]:
    """Facts that stand beside every result; the same for all results of one process."""
    return {
        "rectifiers": __version__,
        "commit": commit(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": numpy.__version__,
        "system": f"{platform.system()} {platform.machine()}",
        "processor": f"{processor()}, {os.cpu_count()} cores, {torch.backends.cpu.get_cpu_capability()}",
        "command": " ".join([Path(sys.argv[0]).name, *sys.argv[1:]]),
    }


def commit() -> str:
    """The commit of the source tree, with "+" if it was changed since; empty for an installed package."""
    root = Path(__file__).resolve().parents[3]
    if not (root / ".git").exists() or shutil.which("git") is None:
        return ""
    head, status = _ask_git(root, "rev-parse", "--short=12", "HEAD"), _ask_git(root, "status", "--porcelain", "-uno")
    return head + ("+" if status else "") if head else ""


def _ask_git(root: Path, *words: str) -> str:
    """What git answers; empty if it fails, or does not answer in time."""
    try:
        # Without optional locks, it does not write to a repository that others may be using.
        answer = subprocess.run(
            ["git", "--no-optional-locks", "-C", str(root), *words],
            capture_output=True,
            timeout=GIT_SECONDS,
            stdin=subprocess.DEVNULL,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return answer.stdout.decode(errors="replace").strip()


def processor() -> str:
    """The processor's name, as far as the system tells."""
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
