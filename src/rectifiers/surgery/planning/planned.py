"""What planning comes to: what it says about each site, for a reader, and the edits, for a machine."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from ..edits.edit import Edit

Start = Literal["exact", "equal", "near", "other"]


@dataclass(frozen=True)
class Change:
    """What happens at one site.

    Args:
        site: its name.
        was: which activation it is now.
        becomes: what takes its place, in words.
        shape: shape of the example's values there.
        channels: size of the channel dimension.
        parameters: how many parameters are added.
        start: `exact` where the outputs keep their bits, `equal` where they keep their values up to the order of
            summation, `near` where the function comes near ReLU only, `other` where it starts elsewhere.
        note: what else there is to know.
    """

    site: str
    was: str
    becomes: str
    shape: tuple[int, ...]
    channels: int
    parameters: int
    start: Start
    note: str = ""


@dataclass(frozen=True)
class Left:
    """A site that stays what it is, and why."""

    site: str
    was: str
    reason: str


@dataclass(frozen=True)
class Planned:
    """What a planner makes of the sites that it is given.

    Args:
        changes: what happens, site by site in forward order.
        left: the sites that stay what they are.
        edits: what is done, in order.
    """

    changes: list[Change]
    left: list[Left] = field(default_factory=list)
    edits: list[Edit] = field(default_factory=list)
