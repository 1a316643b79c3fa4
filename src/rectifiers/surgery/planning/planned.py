"""The result of planning: changes for a reader, edits for a machine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from ..edits.edit import Edit

Start = Literal["exact", "equal", "near", "published", "other"]


@dataclass(frozen=True)
class SiteStart:
    """Where the function that goes to a site starts.

    Args:
        start: how that compares with the activation that is there, as in `Change`.
        at: `published`, `relu`, or `fitted` to what was there.
        error: as in `Change`.
        fitted: starting values of the parameters, if they are fitted.
        note: what else there is to know, in words.
    """

    start: Start
    at: Literal["published", "relu", "fitted"]
    error: float | None = None
    fitted: Mapping[str, float | tuple[float, ...] | tuple[tuple[float, ...], ...]] = field(default_factory=dict)
    note: str = ""


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
        start: `exact` if the outputs keep their bits, `equal` if they keep their values up to rounding and the order of
            summation, `near` if the function comes only near what was there, `published` if it starts as its paper
            says or where the user says, `other` if it starts at ReLU in place of something else, or is unknown.
        note: what else there is to know, in words.
        error: how far the function starts from what was there: the root mean square of the difference over the values
            that the example shows, divided by that of the old activation's values; None if it was not measured.
    """

    site: str
    was: str
    becomes: str
    shape: tuple[int, ...]
    channels: int
    parameters: int
    start: Start
    note: str = ""
    error: float | None = None

    @property
    def nearness(self) -> str:
        """How the start compares with what was there, in words: `exact`, or `near, 0.03 %`."""
        return self.start if self.error is None else f"{self.start}, {100 * self.error:.2g} %"


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
