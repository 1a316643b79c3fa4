"""What each function's time is to stay below, as a ratio to that of `nn.ReLU`."""

from __future__ import annotations

from math import prod

FEW = 64
"""Elements up to which a call is all overhead."""

OVERHEAD_GOAL = 2.0

BIG = (128, 64, 32, 32)
GOALS = {
    **dict.fromkeys(("arelu", "adarelu", "crelu", "apl_arelu", "prelu", "leaky_relu"), 1.1),
    **dict.fromkeys(("vlu", "pvlu"), 1.5),
    "pau": 2.0,
}
"""At `BIG`, with two threads."""


def goal_of(function: str, shape: tuple[int, ...]) -> float | None:
    """The goal for a function at a shape; None where there is none.

    Args:
        function: its registered name; empty for what is not ours.
        shape: of the input.

    Example:
        >>> goal_of("pau", (128, 64, 32, 32)), goal_of("pau", (2, 4)), goal_of("", (2, 4))
        (2.0, 2.0, None)
    """
    if shape == BIG:
        return GOALS.get(function)
    return OVERHEAD_GOAL if function and prod(shape) <= FEW else None
