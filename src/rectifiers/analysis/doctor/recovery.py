"""Comparing two diagnoses of a model: which dead units came back, and which others died."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

from ...core.errors import ConfigError
from ...core.wording import plural
from .diagnosis import Diagnosis


@dataclass(frozen=True)
class SiteRecovery:
    """One site before and after a swap or some training.

    Args:
        name: name of the site before.
        was: kind of the activation before.
        becomes: kind of the activation after.
        units: how many units there are.
        dead_before: how many units were dead.
        dead_after: how many units are dead now.
        back: how many units came back: they were dead, and now have a derivative on some data, so that they learn.
        above: how many of those that came back are above zero on some data.
        died: how many units died: they were not dead, and are now.
    """

    name: str
    was: str
    becomes: str
    units: int
    dead_before: int
    dead_after: int
    back: int
    above: int
    died: int


@dataclass(frozen=True)
class Recovery:
    """What two diagnoses say about units that came back and units that died.

    Args:
        sites: the sites in forward order.
    """

    sites: tuple[SiteRecovery, ...]

    @property
    def dead_before(self) -> int:
        """How many units were dead."""
        return sum(site.dead_before for site in self.sites)

    @property
    def back(self) -> int:
        """How many units came back."""
        return sum(site.back for site in self.sites)

    @property
    def above(self) -> int:
        """How many units that came back are above zero on some data."""
        return sum(site.above for site in self.sites)

    @property
    def died(self) -> int:
        """How many units died."""
        return sum(site.died for site in self.sites)

    def to_dict(self) -> dict[str, Any]:
        """Return all numbers as plain data for JSON."""
        return {
            "dead_before": self.dead_before,
            "back": self.back,
            "above": self.above,
            "died": self.died,
            **asdict(self),
        }

    def to_json(self) -> str:
        """Return all numbers as JSON text."""
        return json.dumps(self.to_dict(), indent=2, ensure_ascii=False) + "\n"

    def __str__(self) -> str:
        """Say in words what happened, in total and at each site."""
        if not self.dead_before and not self.died:
            return "No unit was dead before, and none is now."
        lines = [
            f"{self.back:,} of {plural(self.dead_before, 'dead unit')} came back and can learn again, {self.above:,} "
            f"above zero on some data. {plural(self.died, 'other unit')} died."
        ]
        for site in self.sites:
            if site.back or site.died:
                kinds = site.was if site.was == site.becomes else f"{site.was} → {site.becomes}"
                lines.append(
                    f"  {site.name} ({kinds}): {site.dead_before:,} of {plural(site.units, 'unit')} had been dead, "
                    f"{site.back:,} came back ({site.above:,} above zero), {site.died:,} died"
                )
        return "\n".join(lines)


def compare_diagnoses(before: Diagnosis, after: Diagnosis) -> Recovery:
    """Compare two diagnoses of a model unit by unit; sites are matched in forward order.

    Args:
        before: a diagnosis from before a swap or some training.
        after: a diagnosis from after it, on the same data.

    Raises:
        ConfigError: the sites do not match.
    """
    if len(before.sites) != len(after.sites):
        raise ConfigError(
            f"the diagnoses have {len(before.sites)} and {len(after.sites)} sites; expected two diagnoses of one model"
        )
    sites = []
    for old, new in zip(before.sites, after.sites, strict=True):
        if old.units != new.units:
            raise ConfigError(
                f"{old.name} has {plural(old.units, 'unit')} and {new.name} has {new.units}; expected two diagnoses of "
                "one model"
            )
        was, now = set(old.dead_units), set(new.dead_units)
        sites.append(
            SiteRecovery(
                name=old.name,
                was=old.kind,
                becomes=new.kind,
                units=old.units,
                dead_before=len(was),
                dead_after=len(now),
                back=len(was - now),
                above=len(was - now - set(new.never_above)),
                died=len(now - was),
            )
        )
    return Recovery(tuple(sites))
