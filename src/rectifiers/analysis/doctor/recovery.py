"""Two diagnoses of one model: which dead units came back, and which died since."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

from ...core.errors import ConfigError
from .diagnosis import Diagnosis


@dataclass(frozen=True)
class SiteRecovery:
    """One site before and after, of a swap or of some training.

    Args:
        name: its name before.
        was: the activation before.
        becomes: the activation after.
        units: how many.
        dead_before: units that were dead.
        dead_after: units that are dead.
        back: units that were dead and are not any more: they have a derivative somewhere, and learn.
        above: those of them that are above zero on some data.
        died: units that were not dead and are now.
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
    """What changed between two diagnoses.

    Args:
        sites: in forward order.
    """

    sites: tuple[SiteRecovery, ...]

    @property
    def dead_before(self) -> int:
        """Units that were dead."""
        return sum(site.dead_before for site in self.sites)

    @property
    def back(self) -> int:
        """Units that came back."""
        return sum(site.back for site in self.sites)

    @property
    def above(self) -> int:
        """Units that came back and are above zero on some data."""
        return sum(site.above for site in self.sites)

    @property
    def died(self) -> int:
        """Units that died."""
        return sum(site.died for site in self.sites)

    def to_dict(self) -> dict[str, Any]:
        """All numbers."""
        return {
            "dead_before": self.dead_before,
            "back": self.back,
            "above": self.above,
            "died": self.died,
            **asdict(self),
        }

    def to_json(self) -> str:
        """The same as text."""
        return json.dumps(self.to_dict(), indent=2, ensure_ascii=False) + "\n"

    def __str__(self) -> str:
        """In words, with the sites where something changed."""
        if not self.dead_before and not self.died:
            return "No unit was dead before, and none is now."
        lines = [
            f"{self.back:,} of {self.dead_before:,} dead units came back: they learn, and {self.above:,} of them are "
            f"above zero on some data. {self.died:,} others died."
        ]
        for site in self.sites:
            if site.back or site.died:
                kinds = site.was if site.was == site.becomes else f"{site.was} → {site.becomes}"
                lines.append(
                    f"  {site.name} ({kinds}): {site.dead_before:,} of {site.units:,} were dead, {site.back:,} came "
                    f"back ({site.above:,} above zero), {site.died:,} died"
                )
        return "\n".join(lines)


def compare_diagnoses(before: Diagnosis, after: Diagnosis) -> Recovery:
    """How many dead units came back between two diagnoses, unit by unit; sites are matched in forward order.

    Args:
        before: of the model before a swap or some training.
        after: of the model since, on the same data.

    Raises:
        ConfigError: the sites do not match.
    """
    if len(before.sites) != len(after.sites):
        raise ConfigError(
            f"the diagnoses have {len(before.sites)} and {len(after.sites)} sites; expected two of the same model"
        )
    sites = []
    for old, new in zip(before.sites, after.sites, strict=True):
        if old.units != new.units:
            raise ConfigError(
                f"{old.name} has {old.units} units and {new.name} {new.units}; expected two diagnoses of the same model"
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
