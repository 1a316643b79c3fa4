"""A function and its derivative in a terminal."""

from __future__ import annotations

from typing import Any

from ..core.errors import UnsupportedError
from .braille import plot


def sketch(activation: Any, name: str) -> str:
    """The function and its derivative side by side, in characters; or why there is no picture.

    Args:
        activation: its class.
        name: what it is called.
    """
    from ..report.sampling import sample_class

    try:
        x, y, slope = sample_class(activation, name)
    except UnsupportedError as error:
        return f"\nno plot: {error}"
    left, right = (plot(x.tolist(), z.T.tolist(), title) for z, title in ((y, "f(x)"), (slope, "f′(x)")))
    return "\n" + "\n".join("   ".join(pair).rstrip() for pair in zip(left, right, strict=True))
