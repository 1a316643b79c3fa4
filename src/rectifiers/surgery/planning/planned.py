"""The result of planning: changes for a reader, edits for a machine."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from ..edits.edit import Edit

Start = Literal["exact", "equal", "near", "other"]


@dataclass(frozen=True)
class Change:
    """What happens at one site.

    Args:
        site: name of the site.
        was: kind of the activation before the swap.
        becomes: what takes its place, in words.
        shape: shape of the activation's input on the example.
        channels: size of the channel dimension.
        parameters: how many parameters are added.
        start: `exact` if the outputs keep their bits, `equal` if they keep their values up to the order of
            summation, `near` if the function comes only near ReLU, `other` if it starts elsewhere.
        note: what else there is to know, in words.
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
    """A site that stays what it is, with its kind and the reason."""

    site: str
    was: str
    reason: str


@dataclass(frozen=True)
class Planned:
    """What a planner returns.

    Args:
        changes: what happens, site by site in forward order.
        left: the sites that stay what they are.
        edits: what is done, in order.
    """

    changes: list[Change]
    left: list[Left] = field(default_factory=list)
    edits: list[Edit] = field(default_factory=list)
