"""Which kinds of activation a model rectifies with: those that a comparison replaces if nobody says."""

from __future__ import annotations

from collections import Counter

from torch import nn

from ...core.errors import ConfigError
from ...watching import find_sites
from ...watching.example import Example

GATES = frozenset({"sigmoid", "tanh", "hardsigmoid", "clamp", "softplus", "hardtanh"})
"""Kinds that gate, squash or bound more often than they rectify; they are replaced on request alone."""


def kinds_of(model: nn.Module, example: Example) -> tuple[str, ...]:
    """The kinds to replace: ReLU if there is any, else the most frequent of the others.

    Args:
        model: any module.
        example: what it is called with.

    Raises:
        ConfigError: there is nothing to replace.

    Example:
        >>> kinds_of(nn.Sequential(nn.Linear(2, 2), nn.GELU(), nn.Linear(2, 2), nn.Sigmoid()), (1, 2))
        ('gelu',)
    """
    counts = Counter(site.kind for site in find_sites(model, example))
    if counts["relu"] or counts["relu6"]:
        return ("relu",)
    others = [(count, kind) for kind, count in counts.items() if kind not in GATES]
    if not others:
        have = ", ".join(sorted(counts)) or "none"
        raise ConfigError(
            f"{type(model).__name__} has no activation that is usually replaced (it has {have}); say which kinds with "
            "from_=…"
        )
    return (max(others)[1],)
