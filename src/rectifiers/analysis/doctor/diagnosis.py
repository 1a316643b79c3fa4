"""The result of `diagnose`: numbers per site, and findings in words."""

from __future__ import annotations

import csv
import io
import json
import math
from dataclasses import asdict, dataclass, field, replace
from html import escape
from typing import Any

from ...core import notebook
from ...core.wording import NOTHING, finite, percent, plural
from .advice import Command, Finding
from .bounds import AtBound


@dataclass(frozen=True)
class Spread:
    """How values are spread over bins.

    Args:
        edges: edges of the bins, one more than there are bins.
        counts: how many values are in each bin, exactly.
    """

    edges: tuple[float, ...]
    counts: tuple[int, ...]


@dataclass(frozen=True)
class Curve:
    """A function after training, over the range of the values that it really gets.

    Args:
        x: inputs.
        mean: mean of the outputs over the channels.
        low: smallest output over the channels.
        high: largest output over the channels.
    """

    x: tuple[float, ...]
    mean: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]


@dataclass(frozen=True)
class SiteHealth:
    """The figures of one activation site. A unit is a channel, or a neuron of a linear layer; shares go from 0 to 1.

    Args:
        index: position in forward order, from 0.
        name: the site's name, as in `rectifiers.surgery`.
        kind: which activation it is.
        before: type of the layer before.
        units: how many units there are.
        values: how many finite values went in, over all units.
        not_finite: how many values are NaN or infinite; all other figures leave them out.
        dead: share of units whose derivative is 0 on all data: for ReLU, those never above zero.
        nearly_dead: share of units that are not dead, and whose derivative is 0 for all but 1 % of the data.
        always_on: share of units that stay on one straight piece of the function that is not flat: they are linear.
        dead_units: the dead units, by number.
        never_above: units whose pre-activation is never above 0, by number, whatever the function's derivative there.
        off: share of values at which the derivative is 0, that is, below 0.001.
        sparsity: share of zeros among a sample's outputs, mean over the samples; for ConvReLU, of inputs below all
            thresholds.
        sparsity_low: the same of the sample with the fewest zeros.
        sparsity_high: the same of the sample with the most zeros.
        mean: mean of the pre-activations of all units together.
        variance: variance of the pre-activations of all units together.
        unit_means: mean of the pre-activations of each unit.
        unit_variances: variance of the pre-activations of each unit.
        saturated: share of values where a bounded function is flat, that is, where its derivative is below 1 % of its
            largest; for ReLU6, of values above its cap. None for other functions.
        slope_low: smallest derivative on the data.
        slope_high: largest derivative on the data.
        no_gradient: share of units whose gradient at the activation's input is exactly 0 on all data; None if no
            gradients were taken.
        gradient_in: root mean square over the batches of the norm of the gradient at the activation's input; None if no
            gradients were taken.
        gradient_out: the same of the gradient at the activation's output.
        gradient_not_finite: how many elements of the gradients are NaN or infinite.
        bounds: learned parameters at their bounds.
        spread: how the pre-activations are spread.
        curve: the function itself; None if it is not elementwise.
        dormant: share of units whose outputs have a mean size of at most 0.025 of the mean over the site's units, which
            is what "dormant" means to Sokar et al. (2023): of a ReLU, units that are dead or seldom and little on.
        effective_rank: exp(−Σp·log p) with p = σ/Σσ, where σ are the singular values of the outputs as a matrix of
            values by units; None if ranks were not asked for.
        stable_rank: Σσ²/max σ²; None if ranks were not asked for.
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
    dormant: float = math.nan
    effective_rank: float | None = None
    stable_rank: float | None = None

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
    "dormant",
    "effective_rank",
    "stable_rank",
)
"""The columns of the CSV form."""


@dataclass(frozen=True)
class Diagnosis:
    """What a model's activations do on some data.

    Args:
        model: class of the model.
        samples: how many samples (rows of batches) the model was called with.
        batches: how many batches that were.
        loss: the loss whose gradients were taken; empty if none were.
        sites: the figures of all sites, in forward order.
        findings: what is wrong, problems first.
        notes: what to know about how the figures were obtained.
        weight_norm: length of all parameters that take gradients, as one vector.
        gradient_norm: root mean square over the batches of the length of the gradient with respect to them; None if no
            gradients were taken.
    """

    model: str
    samples: int
    batches: int
    loss: str
    sites: tuple[SiteHealth, ...]
    findings: tuple[Finding, ...]
    notes: tuple[str, ...] = field(default=())
    weight_norm: float = math.nan
    gradient_norm: float | None = None

    def with_command(self, command: Command) -> Diagnosis:
        """Return the same diagnosis with its advice worded as commands of `rectifiers swap` too."""
        findings = tuple(
            replace(finding, swap=replace(finding.swap, command=command)) if finding.swap else finding
            for finding in self.findings
        )
        return replace(self, findings=findings)

    def with_note(self, note: str) -> Diagnosis:
        """Return the same diagnosis with one more note."""
        return replace(self, notes=(*self.notes, note))

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain data for JSON, with None where there is no number."""
        sites = [{**asdict(site), "gain": site.gain} for site in self.sites]
        findings = [finding.to_dict() for finding in self.findings]
        data: dict[str, Any] = finite({**asdict(self), "sites": sites, "findings": findings})
        return data

    def to_json(self) -> str:
        """Return everything as JSON text."""
        return json.dumps(self.to_dict(), indent=2, ensure_ascii=False, allow_nan=False) + "\n"

    def to_csv(self) -> str:
        """Return a CSV table with a header and a line per site; a cell is empty where there is no number."""
        buffer = io.StringIO()
        writer = csv.DictWriter(buffer, COLUMNS, lineterminator="\n")
        writer.writeheader()
        for site in self.sites:
            writer.writerow(finite({name: getattr(site, name) for name in COLUMNS}))
        return buffer.getvalue()

    def rows(self) -> list[tuple[str, ...]]:
        """Return the rows of the table in the text form, the heading first."""
        return [HEADING, *map(_row, self.sites)]

    def summary(self) -> str:
        """Say on one line what the diagnosis is of."""
        gradients = f"gradients of: {self.loss}" if self.loss else "no gradients"
        sites, samples = plural(len(self.sites), "activation site"), plural(self.samples, "sample")
        return f"{self.model}: {sites}, {samples}, {gradients}"

    @property
    def healthy(self) -> str:
        """Say that nothing is wrong, as far as it was looked at."""
        gradient = ", and the gradient passes" if self.loss else "; gradients were not looked at"
        return f"Nothing is wrong: few units are dead or always on{gradient}."

    def __str__(self) -> str:
        """Return the table, then what is wrong and what to do, in plain words."""
        rows = self.rows()
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = [
            "  ".join(
                cell.ljust(width) if column < 2 else cell.rjust(width)
                for column, (cell, width) in enumerate(zip(row, widths, strict=True))
            ).rstrip()
            for row in rows
        ]
        findings = [str(finding) for finding in self.findings] or [self.healthy]
        return "\n".join([self.summary(), "", *lines, "", *findings, *(f"note: {note}" for note in self.notes)])

    def _repr_html_(self) -> str:
        heading, *rows = self.rows()
        # The kind reads as a word, and stands beside the name.
        cells = [[f"{escape(name)} ({escape(kind)})", *map(escape, numbers)] for name, kind, *numbers in rows]
        findings = [str(finding) for finding in self.findings] or [self.healthy]
        notes = [*findings, *(f"note: {note}" for note in self.notes)]
        return notebook.grid(self.summary(), [heading[0], *heading[2:]], cells, notes)


HEADING = (
    "site",
    "kind",
    "units",
    "dead",
    "nearly",
    "dormant",
    "always on",
    "zeros",
    "mean",
    "std",
    "saturated",
    "gradient",
    "gain",
)


def _row(site: SiteHealth) -> tuple[str, ...]:
    return (
        site.name,
        site.kind,
        f"{site.units:,}",
        percent(site.dead),
        percent(site.nearly_dead),
        percent(site.dormant),
        percent(site.always_on),
        percent(site.sparsity),
        number(site.mean),
        number(math.sqrt(site.variance)) if site.variance >= 0 else NOTHING,
        percent(site.saturated),
        number(site.gradient_out),
        number(site.gain),
    )


def number(value: float | None) -> str:
    """Word a number with three digits; a dash if there is none."""
    return NOTHING if value is None or math.isnan(value) else f"{value:.3g}"
