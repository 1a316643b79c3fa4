"""How far the runs of a results folder are, and who is at work on them, without reading results."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ..core.reading import open_regular
from ..core.wording import plural
from ..experiments.counting import CARD, LOG, count_results
from ..experiments.runner_files import Runner, list_runners

TAIL = 4096
"""Bytes at the end of a log that are looked at for its last line."""


@dataclass(frozen=True)
class Status:
    """How far the runs of one experiment are.

    Args:
        folder: the folder of its runs.
        results: how many there are.
        failed: runs that ended in an error when they were tried last.
        interrupted: runs that have a checkpoint to continue from.
        runners: who is at work.
        last: the last line of the log.
    """

    folder: Path
    results: int
    failed: int
    interrupted: int
    runners: Sequence[Runner]
    last: str

    def to_dict(self) -> dict[str, Any]:
        """The facts as JSON holds them."""
        return {**asdict(self), "folder": str(self.folder), "runners": [asdict(one) for one in self.runners]}

    def __str__(self) -> str:
        counts = [plural(self.results, "result")]
        counts += [f"{self.failed} failed"] if self.failed else []
        counts += [f"{self.interrupted} begun, with a checkpoint"] if self.interrupted else []
        lines = [f"{self.folder}: {', '.join(counts)}"]
        for one in self.runners:
            lines.append(f"  {one.host}, process {one.pid}: {'died' if one.dead else 'at work'}")
            lines += [f"    {trial} {doing}" for trial, doing in one.running.items()]
        return "\n".join([*lines, *([f"  last: {self.last}"] if self.last else [])])


def status(results: Path | str = "runs") -> list[Status]:
    """How far the runs of each experiment in a results folder are, and who is at work on them.

    Args:
        results: the folder that holds the runs of all experiments.

    Example:
        >>> status("nowhere")
        []
    """
    return [_look(card.parent) for card in sorted(Path(results).glob(f"*/{CARD}"))]


def _look(folder: Path) -> Status:
    return Status(
        folder=folder,
        results=count_results(folder),
        failed=sum(1 for _ in folder.glob("*/error.txt")),
        interrupted=len({path.parent for path in folder.glob("*/checkpoints/*.json")}),
        runners=list_runners(folder),
        last=_last_line(folder / LOG),
    )


def _last_line(path: Path) -> str:
    try:
        with open_regular(path) as file:
            file.seek(max(0, path.stat().st_size - TAIL))
            lines = file.read().decode(errors="replace").splitlines()
    except OSError:
        return ""
    return lines[-1] if lines else ""
