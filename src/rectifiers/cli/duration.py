"""Seconds in words."""

from __future__ import annotations

from collections.abc import Sequence


def duration(seconds: float) -> str:
    """About how long, in the unit that fits.

    Example:
        >>> duration(0.0071), duration(4.2), duration(90), duration(600), duration(7200), duration(7_200_000)
        ('7.1 ms', '4.2 s', '90 s', '10 min', '2.0 h', '2,000 h')
    """
    if seconds < 1:
        return f"{seconds * 1000:.1f} ms"
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 120:
        return f"{seconds:.0f} s"
    if seconds < 2 * 3600:
        return f"{seconds / 60:.0f} min"
    hours = seconds / 3600
    return f"{hours:.1f} h" if hours < 100 else f"{hours:,.0f} h"


def span(seconds: Sequence[float]) -> str:
    """From the shortest to the longest, or the one that all come to.

    Example:
        >>> span([4.2, 90]), span([4.21, 4.22])
        ('4.2 s to 90 s', '4.2 s')
    """
    low, high = duration(min(seconds)), duration(max(seconds))
    return low if low == high else f"{low} to {high}"
