"""How much a comparison may take: time, or runs."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from ...core.errors import ConfigError
from ...core.wording import duration, plural, read_duration
from ..result import Result


@dataclass(frozen=True)
class Budget:
    """A limit for all runs of a comparison together, those of earlier calls included.

    Args:
        seconds: of the clock, with as many workers as there are.
        runs: trainings.
    """

    seconds: float = math.inf
    runs: float = math.inf

    def __str__(self) -> str:
        return duration(self.seconds) if math.isfinite(self.seconds) else plural(int(self.runs), "run")


def seconds_of(result: Result) -> float:
    """How long a run took."""
    return float(result.provenance.get("seconds", 0.0))


def read_budget(text: str | float | int) -> Budget:
    """The budget that a user wrote.

    Args:
        text: seconds as a number, or a text such as `90s`, `30m`, `2h`, or `60 runs`.

    Raises:
        ConfigError: it is something else.

    Example:
        >>> str(read_budget("30m")), read_budget("1.5h").seconds, str(read_budget("60 runs"))
        ('30 min', 5400.0, '60 runs')
    """
    if isinstance(text, int | float) and not isinstance(text, bool) and text > 0 and math.isfinite(text):
        return Budget(seconds=float(text))
    if seconds := read_duration(str(text)):
        return Budget(seconds=seconds)
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*runs?\s*", str(text))
    if match is None or not float(match[1]):
        raise ConfigError(
            f"budget must be a time such as 30m or 2h, or a number of runs such as '60 runs', got {text!r}"
        )
    return Budget(runs=math.floor(float(match[1])))
