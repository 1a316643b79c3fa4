"""Which kinds of activation a model rectifies with: those that comparisons and costs are about if nobody says."""

from __future__ import annotations

from collections import Counter

from torch import nn

from ..watching import find_sites, kinds
from ..watching.example import Example
from ..watching.wrappers import unwrap
from .swap import NothingToSwapError
from .unreachable import unseen

GATES = frozenset({"sigmoid", "tanh", "hardsigmoid", "clamp", "softplus", "hardtanh"})
"""Kinds that gate, squash or bound more often than they rectify; they are replaced on request alone."""


def kinds_of(model: nn.Module, example: Example) -> tuple[str, ...]:
    """The kinds to replace: ReLU if there is any, else the most frequent of the others.

    Args:
        model: any module.
        example: what it is called with.

    Raises:
        NothingToSwapError: there is nothing to replace.

    Example:
        >>> kinds_of(nn.Sequential(nn.Linear(2, 2), nn.GELU(), nn.Linear(2, 2), nn.Sigmoid()), (1, 2))
        ('gelu',)
    """
    counts = Counter(site.kind for site in find_sites(model, example))
    if counts["relu"] or counts["relu6"]:
        return ("relu",)
    others = [(count, kind) for kind, count in counts.items() if kind not in GATES]
    if not others and unseen(unwrap(model), kinds.expand("relu")):
        # So that a swap says why it cannot reach it.
        return ("relu",)
    if not others:
        have = ", ".join(sorted(counts)) or "none"
        raise NothingToSwapError(
            f"{type(model).__name__} has no activation that is usually replaced (it has {have}); say which kinds with "
            "from_=…"
        )
    return (max(others)[1],)
