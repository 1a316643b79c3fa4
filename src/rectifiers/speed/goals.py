"""What each function's time is to stay below, as a ratio to that of `nn.ReLU`."""

from __future__ import annotations

from math import prod

FEW = 64
"""Elements up to which a call is all overhead."""

OVERHEAD_GOAL = 1.8
"""What `nn.PReLU` takes."""

GOALS: dict[tuple[int, ...], dict[str, float]] = {
    (128, 10, 12, 12): {
        **dict.fromkeys(("arelu", "prelu", "adarelu"), 1.25),
        **dict.fromkeys(("vlu", "pvlu"), 2.0),
        "pau": 4.0,
        "crelu": 1.5,
    },
    (128, 64, 32, 32): {
        **dict.fromkeys(("arelu", "crelu", "apl_arelu", "prelu", "leaky_relu"), 1.1),
        "adarelu": 1.05,
        **dict.fromkeys(("vlu", "pvlu"), 1.2),
        "pau": 1.5,
        "rrelu": 2.5,
    },
}
"""By shape, with one thread and with two."""


def goal_of(function: str, shape: tuple[int, ...]) -> float | None:
    """The goal for a function at a shape; None where there is none.

    Args:
        function: its registered name; empty for what is not ours.
        shape: of the input.

    Example:
        >>> goal_of("pau", (128, 64, 32, 32)), goal_of("pau", (2, 4)), goal_of("", (2, 4))
        (1.5, 1.8, None)
    """
    if shape in GOALS:
        return GOALS[shape].get(function)
    return OVERHEAD_GOAL if function and prod(shape) <= FEW else None
