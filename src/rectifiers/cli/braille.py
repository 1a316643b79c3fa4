"""Curves in a terminal: two by four dots to a character."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

# Bits of U+2800 for the dots of a character, by row from the top and column.
_DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))


def plot(
    x: Sequence[float], curves: Sequence[Sequence[float]], title: str, *, width: int = 36, height: int = 10
) -> list[str]:
    """Draw curves over a common x, with their range beside them and dotted axes where zero is; jumps stay open.

    What is infinite or no number is left out.

    Args:
        x: rising numbers.
        curves: values at these.
        title: what it shows.
        width: of the drawing, in characters.
        height: of the drawing, in lines.

    Returns:
        Lines of equal length.

    Example:
        >>> for line in plot([0, 1, 2, 3], [[0, 1, 2, 3]], "y = x", width=2, height=1):
        ...     print(line.rstrip())
             y = x
           3 ⡠⠊
             03
    """
    values = [value for curve in curves for value in curve if math.isfinite(value)]
    low, high = min([0.0, *values]), max([0.0, *values])
    if low == high:
        low, high = -1.0, 1.0
    columns, rows = 2 * width, 4 * height
    cells = [[0] * width for _ in range(height)]

    def column(value: float) -> int:
        return round((value - x[0]) / (x[-1] - x[0]) * (columns - 1))

    def row(value: float) -> int:
        return round((high - value) / (high - low) * (rows - 1))

    def dot(across: int, down: int) -> None:
        cells[down // 4][across // 2] |= _DOTS[down % 4][across % 2]

    if low < 0 < high:
        for across in range(0, columns, 4):
            dot(across, row(0))
    if x[0] < 0 < x[-1]:
        for down in range(0, rows, 4):
            dot(column(0), down)
    for curve in curves:
        places = [
            (column(at), row(value)) if math.isfinite(value) else None for at, value in zip(x, curve, strict=True)
        ]
        for place in places:
            if place is not None:
                dot(*place)
        for before, after in itertools.pairwise(places):
            if before is None or after is None:
                continue
            (left, start), (right, end) = before, after
            steps = max(right - left, abs(end - start), 1)
            jump = 2 * abs(end - start) > rows
            for step in range(steps if jump else 1, steps + 1):
                dot(left + round((right - left) * step / steps), start + round((end - start) * step / steps))
    labels = [f"{high:.3g}", *[""] * (height - 2), f"{low:.3g}"][:height]
    drawing = ["".join(chr(0x2800 + cell) for cell in line) for line in cells]
    first, last = f"{x[0]:g}", f"{x[-1]:g}"
    lines = [" " * 5 + title, *(f"{label:>4} {line}" for label, line in zip(labels, drawing, strict=True))]
    lines.append(" " * 5 + first + last.rjust(width - len(first)))
    longest = max(map(len, lines))
    return [line.ljust(longest) for line in lines]
