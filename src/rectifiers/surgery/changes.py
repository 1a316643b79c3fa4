"""What a plan says about each site, for a reader."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

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
