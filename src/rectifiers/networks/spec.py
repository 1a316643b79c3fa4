"""What each network says about itself, once, for listings, documentation and tests."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class NetworkSpec:
    """All facts about a network.

    Args:
        title: its name in prose.
        paper: where it was proposed, and which of the papers uses it.
        shape: shape of one input in that use.
        classes: number of outputs in that use.
    """

    title: str
    paper: str
    shape: tuple[int, ...]
    classes: int
