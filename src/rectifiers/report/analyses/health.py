"""What the doctor measures, site by site, in all networks of an experiment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ...analysis.doctor.examine import diagnose
from ...analysis.inside.measured import Record
from .networks import TrainedNetwork


@dataclass(frozen=True)
class SiteNumbers:
    """Some of the doctor's figures of one activation site.

    Args:
        layer: name of the site.
        numbers: the figures by name; see `rectifiers.analysis.doctor.diagnosis.SiteHealth`.
    """

    layer: str
    numbers: Record

    def records(self) -> list[Record]:
        """Return them in one row."""
        return [{"layer": self.layer, **self.numbers}]


def examine_sites(network: TrainedNetwork, *names: str) -> Sequence[SiteNumbers]:
    """Let the doctor examine a network on its test images.

    Args:
        network: what to examine.
        names: the figures to keep.
    """
    sites = diagnose(network.net, network.batches).sites
    return [SiteNumbers(site.name, {name: getattr(site, name) for name in names}) for site in sites]
