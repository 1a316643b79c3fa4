"""How numbers, durations and lists are worded, the same in errors, tables, pages and docs."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

NOTHING = "–"
"""What is printed where there is no number."""


def plural(count: int, noun: str, nouns: str = "") -> str:
    """A count with its noun.

    Args:
        count: how many.
        noun: the singular.
        nouns: the plural, where it is not the singular with an s.

    Example:
        >>> plural(1, "site"), plural(1200, "site"), plural(0, "entry", "entries")
        ('1 site', '1,200 sites', '0 entries')
    """
    return f"{count:,} {noun if count == 1 else nouns or f'{noun}s'}"


def listing(names: Sequence[str], most: int = 3) -> str:
    """Names as a sentence lists them: the first few, and how many more there are.

    Example:
        >>> listing(["a"]), listing(["a", "b", "c"]), listing(["a", "b", "c", "d", "e"])
        ('a', 'a, b and c', 'a, b, c and 2 more')
    """
    shown = list(names[:most])
    if len(names) > most:
        shown.append(f"{len(names) - most} more")
    return " and ".join(filter(None, (", ".join(shown[:-1]), *shown[-1:])))


def duration(seconds: float) -> str:
    """About how long, in the unit that fits.

    Example:
        >>> duration(0.0071), duration(4.2), duration(90), duration(150), duration(600), duration(7200), duration(7.2e6)
        ('7.1 ms', '4.2 s', '90 s', '2.5 min', '10 min', '2.0 h', '2,000 h')
    """
    if seconds < 1:
        return f"{seconds * 1000:.1f} ms"
    if seconds < 120:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    if seconds < 2 * 3600:
        return f"{seconds / 60:.1f} min" if seconds < 600 else f"{seconds / 60:.0f} min"
    hours = seconds / 3600
    return f"{hours:.1f} h" if hours < 100 else f"{hours:,.0f} h"


def gigabytes(amount: float) -> str:
    """So many times 10⁹ bytes, in the unit that fits.

    Example:
        >>> gigabytes(0.0042), gigabytes(1.26), gigabytes(1200)
        ('4.2 MB', '1.26 GB', '1.2 TB')
    """
    for unit, size in (("TB", 1e3), ("GB", 1.0)):
        if amount >= size:
            return f"{amount / size:.3g} {unit}"
    return f"{1e3 * amount:.3g} MB"


_SECONDS = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400}


def read_duration(text: str) -> float | None:
    """The seconds of a duration as a user writes it; None where the text is none.

    Example:
        >>> read_duration("90s"), read_duration("1.5 h"), read_duration("two days")
        (90.0, 5400.0, None)
    """
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(s|m|min|h|d)\s*", text)
    return None if match is None else float(match[1]) * _SECONDS[match[2]]


def span(seconds: Sequence[float]) -> str:
    """From the shortest duration to the longest, or the one that all come to.

    Example:
        >>> span([4.2, 90]), span([4.21, 4.22])
        ('4.2 s to 90 s', '4.2 s')
    """
    low, high = duration(min(seconds)), duration(max(seconds))
    return low if low == high else f"{low} to {high}"


def percent(share: float | None) -> str:
    """A share in percent; a small one is not rounded to nothing, nor a large one to all.

    Example:
        >>> percent(0.5), percent(0.0004), percent(0.0), percent(0.99999), percent(None)
        ('50 %', '<0.1 %', '0 %', '>99.9 %', '–')
    """
    if share is None or math.isnan(share):
        return NOTHING
    if 0 < share < 0.001:
        return "<0.1 %"
    rounded = f"{100 * share:.3g}"
    return ">99.9 %" if share < 1 and rounded == "100" else f"{rounded if share < 1 else 100} %"


_UNPRINTABLE = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""Control characters but the end of a line, those that turn the direction of writing, and halves of characters."""


def printable(text: str) -> str:
    r"""The same text, with what would steer a terminal, or is not a character, written as escapes; ends of lines stay.

    Example:
        >>> print(printable("Käfer\x1b[31m"))
        Käfer\x1b[31m
    """
    return _UNPRINTABLE.sub(lambda match: match[0].encode("unicode_escape", "surrogatepass").decode(), text)


def is_printable_line(text: str) -> bool:
    r"""Whether a text can be a label: one line, and nothing in it that `printable` would escape.

    Example:
        >>> is_printable_line("α = 0.9"), is_printable_line("two\nlines"), is_printable_line("\x1b[31m")
        (True, False, False)
    """
    return "\n" not in text and not _UNPRINTABLE.search(text)


def finite(value: Any) -> Any:
    """The same value, or structure of values, with None for every number that JSON does not have.

    Example:
        >>> finite({"mean": float("nan"), "range": (0.0, float("inf"))})
        {'mean': None, 'range': [0.0, None]}
    """
    if isinstance(value, Mapping):
        return {key: finite(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [finite(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
