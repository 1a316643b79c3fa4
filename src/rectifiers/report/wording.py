"""How numbers, verdicts and footnotes are worded, the same in the terminal, on the page and in exports."""

from __future__ import annotations

import math

from ..experiments.result import METRICS
from .analyses.section import Cell, Estimate
from .table import Entry, Gap, Table

MARKS = {"better": "▲", "worse": "▼", "equivalent": "=", "inconclusive": "·"}
"""One character per verdict, for narrow tables."""


def number(value: float | None, digits: int = 2) -> str:
    """A number with a fixed count of digits and a true minus sign; a dash for nothing.

    Example:
        >>> number(-0.125, 1), number(None)
        ('−0.1', '–')
    """
    if value is None or math.isnan(value):
        return "–"
    return f"{value:.{digits}f}".replace("-", "−")


def signed(value: float | None, digits: int = 2) -> str:
    """The same with its sign always shown.

    Example:
        >>> signed(1.5), signed(-1.5)
        ('+1.50', '−1.50')
    """
    if value is None or math.isnan(value):
        return "–"
    return f"{value:+.{digits}f}".replace("-", "−")


def interval(low: float, high: float) -> str:
    """Bounds of an interval of differences; empty when there is none.

    Example:
        >>> interval(-0.5, 2.0)
        '[−0.50, +2.00]'
    """
    return "" if math.isnan(low) or math.isnan(high) else f"[{signed(low)}, {signed(high)}]"


def shown(entry: Entry, value: float | None) -> str:
    """A number of an entry's kind: a count whole, all others with two digits."""
    if entry.metric != "parameters" or value is None or math.isnan(value):
        return number(value)
    return f"{value:,.0f}"


def minus_paper(entry: Entry) -> str:
    """How far our number is from the paper's."""
    if entry.metric != "parameters" or entry.difference is None:
        return signed(entry.difference)
    return f"{entry.difference:+,.0f}".replace("-", "−")


def estimate(cell: Cell, digits: int = 3) -> str:
    """A cell of an analysis: a mean with its interval, or alone where there is none; anything else as it is.

    Example:
        >>> estimate(Estimate(3, 0.5, -0.25, 1.25), 2), estimate(Estimate.of([0.5]), 2), estimate(1024)
        ('0.50 [−0.25, 1.25]', '0.50', '1,024')
    """
    if not isinstance(cell, Estimate):
        return f"{cell:,}" if isinstance(cell, int) else cell
    bounds = f" [{number(cell.low, digits)}, {number(cell.high, digits)}]" if math.isfinite(cell.low) else ""
    return number(cell.mean, digits) + bounds


def p_value(p: float) -> str:
    """A p-value to three places.

    Example:
        >>> p_value(0.0312), p_value(0.00001)
        ('0.031', '< 0.001')
    """
    return "< 0.001" if p < 0.001 else number(p, 3)


def duration(seconds: float) -> str:
    """A time span in its largest unit.

    Example:
        >>> duration(42), duration(150), duration(7200)
        ('42 s', '2.5 min', '2.0 h')
    """
    if seconds < 60:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.1f} min" if seconds < 3600 else f"{seconds / 3600:.1f} h"


def half_width(entry: Entry) -> float:
    """Half the width of the interval of an entry's mean; NaN when there is none."""
    return (entry.summary.high - entry.summary.low) / 2


def ours(entry: Entry) -> str:
    """Our number as a table shows it: the mean with its interval, or the best, or why there is none."""
    if not entry.summary.n:
        return entry.state
    half = half_width(entry)
    if entry.aggregate == "best" or entry.counted or math.isnan(half):
        return shown(entry, entry.value)
    return f"{number(entry.value)} ± {number(half)}"


def compact(entry: Entry) -> str:
    """The same without blanks around its sign, for tables of many columns."""
    return ours(entry).replace(" ± ", "±")


def lead(gap: Gap) -> str:
    """Our lead as a table shows it, or why there is none."""
    return gap.lacking.state if gap.lacking else signed(gap.value)


def measure(table: Table) -> str:
    """What the cells show, in one sentence."""
    kinds: dict[str, list[str]] = {}
    for column in table.columns:
        kinds.setdefault(definition(table.column(column)[0]), []).append(column)
    parts = [f"{', '.join(columns)}: {text}" if len(kinds) > 1 else sentence(text) for text, columns in kinds.items()]
    seeds = {entry.planned for entry in table.entries.values() if not entry.counted}
    if not seeds:
        return "; ".join(parts)
    count = f"{min(seeds)} to {max(seeds)}" if len(seeds) > 1 else "".join(map(str, seeds))
    trainings = "training" if count == "1" else "trainings"
    return f"{'; '.join(parts)}{';' if len(parts) > 1 else ''} over {count} {trainings} per cell"


def definition(entry: Entry) -> str:
    """What an entry shows."""
    if entry.counted:
        return METRICS[entry.metric]
    how = "best" if entry.aggregate == "best" else "mean ± 95 % t-interval"
    return f"{METRICS[entry.metric]}, in percent: {how}"


def comparability(table: Table) -> str:
    """What the published numbers are to ours; empty when there are none."""
    if not table.published:
        return ""
    source = table.experiment.published.source if table.experiment.published else ""
    if table.size.comparable:
        return f"paper: {source}; difference = ours − paper"
    reason = f"not comparable: preset {table.preset}" + (f" ({table.size.note.rstrip('.')})" if table.size.note else "")
    return f"{reason}. The paper's numbers ({source}) are for orientation only"


def verdict_rule(table: Table) -> str:
    """The rule behind better, worse, equivalent and inconclusive, in one sentence; empty without comparisons."""
    if not any(entry.comparison for entry in table.entries.values()):
        return ""
    baseline, margin = table.experiment.baseline, f"{table.experiment.margin:g}"
    return (
        f"verdict against {baseline}, paired by seed: equivalent if the 90 % interval of the difference lies within "
        f"±{margin} points; else better or worse if Holm-adjusted p < 0.05 (paired t-test, one family per column); "
        "else inconclusive"
    )


def detectable(table: Table) -> str:
    """The smallest differences these comparisons could have found; empty when unknown."""
    found = [entry.comparison.detectable for entry in table.entries.values() if entry.comparison]
    effects = [effect for effect in found if math.isfinite(effect)]
    if not effects:
        return ""
    low, high = number(min(effects)), number(max(effects))
    span = f"{low} points" if low == high else f"{low} to {high} points, by cell"
    return f"smallest difference a paired t-test finds here with 80 % power: {span}"


def lead_rule(table: Table) -> str:
    """What the lines below the table are; empty when there are none."""
    lines = [f"{lead.label}: {lead.row} − the highest of {', '.join(lead.over)}" for lead in table.leads]
    rule = "in percentage points, from the numbers shown; no interval, for the highest was picked afterwards"
    return "; ".join([*lines, rule]) if lines else ""


def misprints(table: Table) -> str:
    """Where the published numbers shown contradict one another; empty when they do not."""
    published = table.experiment.published
    if not table.beside_paper or published is None or not published.notes:
        return ""
    return f"the print contradicts itself: {' '.join(published.notes).rstrip('.')}"


def progress(table: Table) -> str:
    """How many runs there are, and how many diverged or are missing; empty where nothing is trained."""
    if table.columns and not table.accuracies:
        return ""
    parts = [f"{table.planned - table.missing} of {table.planned} trainings run"]
    if table.diverged:
        parts.append(f"{table.diverged} diverged: left out of means, counted in the table")
    return "; ".join(parts)


def footnotes(table: Table) -> list[str]:
    """All that a reader must know to read the table, one sentence each, most important first."""
    lines = [
        measure(table),
        comparability(table),
        misprints(table),
        lead_rule(table),
        verdict_rule(table),
        detectable(table),
        progress(table),
    ]
    return [f"{sentence(line)}." for line in lines if line]


def sentence(text: str) -> str:
    """The text with its first letter in upper case."""
    return text[:1].upper() + text[1:]
