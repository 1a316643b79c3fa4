"""Places in a model as text: one language for the command line and for trials."""

from __future__ import annotations

import re
from typing import Any

from ..core.errors import ConfigError
from .select import Where

_INDEX = re.compile(r"-?\d+")
_SLICE = re.compile(r"(-?\d+)?:(-?\d+)?(?::(-?\d+)?)?")


def parse_where(text: str) -> Where:
    """The sites that a text names, as `select` takes them.

    Args:
        text: a word (`all`, `first`, `last`, `R1`, `R2`, `R3`, `stage:1`), a site's name or the name of a module that
            holds sites, an index, a slice (`0:3`, `::2`), or several of these with commas; or `/a pattern/` that names
            match. Blanks around commas do not count.

    Raises:
        ConfigError: a part is empty, a slice has a step of 0, or the pattern is not a regular expression.

    Example:
        >>> parse_where("stem, 0, -1"), parse_where("0:3"), parse_where("last"), parse_where("/relu$/")
        (['stem', 0, -1], slice(0, 3, None), 'last', re.compile('relu$'))
    """
    stripped = text.strip()
    if len(stripped) > 2 and stripped.startswith("/") and stripped.endswith("/"):
        try:
            return re.compile(stripped[1:-1])
        except re.error as error:
            raise ConfigError(f"where={text!r} is not a regular expression: {error}") from None
    places = [_parse_place(part.strip(), text) for part in stripped.split(",")]
    return places[0] if len(places) == 1 else places


def _parse_place(part: str, text: str) -> Any:
    """One place: an index, a slice, or a word."""
    if _INDEX.fullmatch(part):
        return int(part)
    numbers = _SLICE.fullmatch(part)
    if numbers is not None:
        start, stop, step = (int(number) if number else None for number in numbers.groups())
        if step == 0:
            raise ConfigError(f"where={text!r}: the step of a slice must not be 0")
        return slice(start, stop, step)
    if not part:
        raise ConfigError(
            f"where={text!r}: expected all, first, last, R1, R2, R3, stage:N, a name, an index, START:STOP, "
            "/pattern/, or several of these with commas"
        )
    return part
