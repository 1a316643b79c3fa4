"""What `diagnose` finds: numbers per site, and what they mean in words."""

from __future__ import annotations

import csv
import io
import json
import math
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from ...core.wording import finite, percent
from .advice import Command, Finding
from .bounds import AtBound


@dataclass(frozen=True)
class Spread:
    """How values are spread: edges of bins, and how many values lie in each.

    Args:
        edges: one more than there are counts.
        counts: exact.
    """

    edges: tuple[float, ...]
    counts: tuple[int, ...]


@dataclass(frozen=True)
class Curve:
    """A function as it is after training, over the values that it really gets.

    Args:
        x: inputs.
        mean: mean over the channels.
        low: smallest over the channels.
        high: largest over the channels.
    """

    x: tuple[float, ...]
    mean: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]


@dataclass(frozen=True)
class SiteHealth:
    """One activation site. A unit is a channel, or a neuron of a linear layer; shares go from 0 to 1.

    Args:
        index: position in forward order, from 0.
        name: the site's name, as in `rectifiers.surgery`.
        kind: which activation it is.
        before: type of the layer in front.
        units: how many.
        values: finite values that went in, in all units.
        not_finite: values that are NaN or infinite, which all other numbers leave out.
        dead: units whose derivative is 0 on all data: for ReLU, those never above zero.
        nearly_dead: units that are not dead, and whose derivative is 0 for all but 1 % of the data.
        always_on: units that stay on one straight piece of the function, other than a flat one: no rectifier at all.
        dead_units: the dead ones, by number.
        never_above: units whose pre-activation is never above 0, by number, whatever the function's derivative there.
        off: values at which the derivative is 0, below 0.001 that is.
        sparsity: zeros among a sample's outputs, mean over the samples. ConvReLU: inputs below all thresholds.
        sparsity_low: of the sample with the fewest.
        sparsity_high: of the sample with the most.
        mean: of the pre-activations, all units together.
        variance: likewise.
        unit_means: per unit.
        unit_variances: per unit.
        saturated: values where a bounded function is flat: its derivative below 1 % of its largest; of ReLU6, those
            above its cap. None for other functions.
        slope_low: smallest derivative on the data.
        slope_high: largest.
        no_gradient: units whose gradient before the activation is exactly 0 on all data; None where none was taken.
        gradient_in: root mean square over the batches of the norm of the gradient before the activation, which it
            passes on; None where none was taken.
        gradient_out: likewise, of the gradient that reaches it from behind.
        gradient_not_finite: elements of the gradient that are NaN or infinite.
        bounds: learned parameters at their bounds.
        spread: the pre-activations.
        curve: the function, where it is one of single numbers.
    """

    index: int
    name: str
    kind: str
    before: str
    units: int
    values: int
    not_finite: int
    dead: float
    nearly_dead: float
    always_on: float
    dead_units: tuple[int, ...]
    never_above: tuple[int, ...]
    off: float
    sparsity: float
    sparsity_low: float
    sparsity_high: float
    mean: float
    variance: float
    unit_means: tuple[float, ...]
    unit_variances: tuple[float, ...]
    saturated: float | None
    slope_low: float
    slope_high: float
    no_gradient: float | None
    gradient_in: float | None
    gradient_out: float | None
    gradient_not_finite: int
    bounds: tuple[AtBound, ...]
    spread: Spread
    curve: Curve | None

    @property
    def gain(self) -> float | None:
        """How much of the gradient's norm the activation passes on: `gradient_in` / `gradient_out`."""
        if self.gradient_in is None or not self.gradient_out:
            return None
        return self.gradient_in / self.gradient_out


COLUMNS = (
    "index",
    "name",
    "kind",
    "before",
    "units",
    "values",
    "not_finite",
    "dead",
    "nearly_dead",
    "always_on",
    "off",
    "sparsity",
    "sparsity_low",
    "sparsity_high",
    "mean",
    "variance",
    "saturated",
    "slope_low",
    "slope_high",
    "no_gradient",
    "gradient_in",
    "gradient_out",
    "gain",
    "gradient_not_finite",
)
"""What the CSV form holds of a site."""


@dataclass(frozen=True)
class Diagnosis:
    """What a model's activations do on some data.

    Args:
        model: its class.
        samples: examples looked at.
        batches: batches looked at.
        loss: whose gradient was taken; empty where none was.
        sites: in forward order.
        findings: what is wrong, worst first.
        notes: what one should know of how it was measured.
    """

    model: str
    samples: int
    batches: int
    loss: str
    sites: tuple[SiteHealth, ...]
    findings: tuple[Finding, ...]
    notes: tuple[str, ...] = field(default=())

    def with_command(self, command: Command) -> Diagnosis:
        """The same, its advice worded as commands of `rectifiers swap` too."""
        told = tuple(
            replace(finding, swap=replace(finding.swap, command=command)) if finding.swap else finding
            for finding in self.findings
        )
        return replace(self, findings=told)

    def with_note(self, note: str) -> Diagnosis:
        """The same with one more note."""
        return replace(self, notes=(*self.notes, note))

    def to_dict(self) -> dict[str, Any]:
        """All numbers, as JSON holds them; None where there is no number."""
        sites = [{**asdict(site), "gain": site.gain} for site in self.sites]
        told = [finding.to_dict() for finding in self.findings]
        whole: dict[str, Any] = finite({**asdict(self), "sites": sites, "findings": told})
        return whole

    def to_json(self) -> str:
        """The same as text."""
        return json.dumps(self.to_dict(), indent=2, ensure_ascii=False, allow_nan=False) + "\n"

    def to_csv(self) -> str:
        """One line per site, with a header; empty where there is no number."""
        buffer = io.StringIO()
        writer = csv.DictWriter(buffer, COLUMNS, lineterminator="\n")
        writer.writeheader()
        for site in self.sites:
            writer.writerow(finite({name: getattr(site, name) for name in COLUMNS}))
        return buffer.getvalue()

    def rows(self) -> list[tuple[str, ...]]:
        """The table of the text form: a heading, and a row per site."""
        return [HEADING, *map(_row, self.sites)]

    def summary(self) -> str:
        """What was looked at, in a line."""
        gradient = f"gradients of: {self.loss}" if self.loss else "no gradients"
        return f"{self.model}: {len(self.sites)} activation sites, {self.samples:,} examples, {gradient}"

    def __str__(self) -> str:
        """The table, then what is wrong and what to do, in plain words."""
        rows = self.rows()
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = [
            "  ".join(
                cell.ljust(width) if place < 2 else cell.rjust(width)
                for place, (cell, width) in enumerate(zip(row, widths, strict=True))
            ).rstrip()
            for row in rows
        ]
        told = [str(finding) for finding in self.findings] or [HEALTHY]
        return "\n".join([self.summary(), "", *lines, "", *told, *(f"note: {note}" for note in self.notes)])


HEADING = (
    "site",
    "kind",
    "units",
    "dead",
    "nearly",
    "always on",
    "zeros",
    "mean",
    "std",
    "saturated",
    "gradient",
    "gain",
)
HEALTHY = "Nothing is wrong: few units are dead or always on, and the gradient passes."


def _row(site: SiteHealth) -> tuple[str, ...]:
    return (
        site.name,
        site.kind,
        f"{site.units:,}",
        percent(site.dead),
        percent(site.nearly_dead),
        percent(site.always_on),
        percent(site.sparsity),
        number(site.mean),
        number(math.sqrt(site.variance)) if site.variance >= 0 else "–",
        percent(site.saturated),
        number(site.gradient_out),
        number(site.gain),
    )


def number(value: float | None) -> str:
    """A number of three digits; a dash for none."""
    return "–" if value is None or math.isnan(value) else f"{value:.3g}"
