"""What runners leave in the folder that they share: who they are, that they live, and what they do."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..core.reading import read_regular
from .processes import has_ended

FOLDER = ".leases"
BEATS, IDENTITY = ".runner", ".holder"
"""Endings of a runner's files: the one that it writes anew as long as it lives, and the one that never changes."""


@dataclass(frozen=True)
class Runner:
    """What the file of a runner says.

    Args:
        host: name of its machine.
        pid: of its process.
        running: what its workers do, in words, by the id of the trial.
        dead: whether its process is known to have ended; one of another machine never is.
    """

    host: str
    pid: int
    running: Mapping[str, str]
    dead: bool


def runner_file(folder: Path, token: str) -> Path:
    """Where a runner beats.

    Args:
        folder: of the runs.
        token: of the runner.
    """
    return folder / FOLDER / f"{token}{BEATS}"


def list_runners(folder: Path) -> list[Runner]:
    """The runners that are at work on the runs in a folder, and those that died there.

    Example:
        >>> list_runners(Path("nowhere"))
        []
    """
    found = []
    for path in sorted((folder / FOLDER).glob(f"*{BEATS}")):
        facts = read_facts(path)
        running = facts.get("running")
        if isinstance(facts.get("host"), str) and isinstance(facts.get("pid"), int):
            words = {str(name): str(text) for name, text in running.items()} if isinstance(running, dict) else {}
            found.append(Runner(facts["host"], facts["pid"], words, is_dead(facts)))
    return found


def clear_dead(folder: Path) -> int:
    """Remove what runners left behind whose processes have ended on this machine; how many there were."""
    dead = [path for path in (folder / FOLDER).glob(f"*{BEATS}") if is_dead(read_facts(path))]
    for path in dead:
        for left in (path.with_suffix(IDENTITY), path):
            with suppress(OSError):
                left.unlink()
    return len(dead)


def read_facts(path: Path | str) -> dict[str, Any]:
    """What a file of a runner says; nothing where there is none, or a damaged one."""
    try:
        found = json.loads(read_regular(path))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def is_dead(facts: Mapping[str, Any]) -> bool:
    """Whether the process of a runner is known to have ended."""
    return has_ended(facts.get("process"), facts.get("pid"))
