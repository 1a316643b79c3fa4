"""How numbers, verdicts and footnotes are worded, the same in the terminal, on the page and in exports."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

from ..core.wording import NOTHING, plural
from ..experiments.result import CHANGES, METRICS, WHOLE
from ..experiments.statistics import FEWEST, MorePairs, more_pairs
from .analyses.section import GridEntry, SeedMean
from .table import LeadValue, Table, TableCell

MARKS = {"better": "▲", "worse": "▼", "equivalent": "=", "inconclusive": "·"}
"""One character per verdict, for narrow tables."""


def number(value: float | None, digits: int = 2) -> str:
    """Write a number with a fixed count of digits and a true minus sign, or a dash where there is none.

    Example:
        >>> number(-0.125, 1), number(None)
        ('−0.1', '–')
    """
    if value is None or math.isnan(value):
        return NOTHING
    return f"{value:.{digits}f}".replace("-", "−")


def signed(value: float | None, digits: int = 2) -> str:
    """Write a number as `number` does, with its sign always shown.

    Example:
        >>> signed(1.5), signed(-1.5)
        ('+1.50', '−1.50')
    """
    if value is None or math.isnan(value):
        return NOTHING
    return f"{value:+.{digits}f}".replace("-", "−")


def interval(low: float, high: float) -> str:
    """Write the bounds of an interval of differences; empty where there is none.

    Example:
        >>> interval(-0.5, 2.0)
        '[−0.50, +2.00]'
    """
    return "" if math.isnan(low) or math.isnan(high) else f"[{signed(low)}, {signed(high)}]"


def cell_number(cell: TableCell, value: float | None) -> str:
    """Write a number of the cell's kind: a count as a whole number, all others with two digits."""
    if cell.metric not in WHOLE or value is None or math.isnan(value):
        return number(value)
    return f"{value:,.0f}"


def minus_paper(cell: TableCell) -> str:
    """Write how far our number is from the paper's."""
    if cell.metric not in WHOLE or cell.difference is None:
        return signed(cell.difference)
    return f"{cell.difference:+,.0f}".replace("-", "−")


def entry_text(entry: GridEntry, digits: int = 3) -> str:
    """Write an entry of a grid: a mean with its interval, or alone where it has none; anything else as it is.

    Example:
        >>> entry_text(SeedMean(3, 0.5, -0.25, 1.25), 2), entry_text(SeedMean.of([0.5]), 2), entry_text(1024)
        ('0.50 [−0.25, 1.25]', '0.50', '1,024')
    """
    if not isinstance(entry, SeedMean):
        return f"{entry:,}" if isinstance(entry, int) else entry
    bounds = f" [{number(entry.low, digits)}, {number(entry.high, digits)}]" if math.isfinite(entry.low) else ""
    return number(entry.mean, digits) + bounds


def p_value(p: float) -> str:
    """Write a p-value to three places.

    Example:
        >>> p_value(0.0312), p_value(0.00001)
        ('0.031', '< 0.001')
    """
    return "< 0.001" if p < 0.001 else number(p, 3)


def half_width(cell: TableCell) -> float:
    """Half the width of the interval of a cell's mean; NaN where there is none."""
    return (cell.summary.high - cell.summary.low) / 2


def our_number(cell: TableCell) -> str:
    """Write our number as a table shows it: the mean with its interval, or the best, or why there is none."""
    if not cell.summary.n:
        return cell.state
    half = half_width(cell)
    if cell.aggregate == "best" or cell.is_count or math.isnan(half):
        return cell_number(cell, cell.value)
    return f"{number(cell.value)} ± {number(half)}"


def compact_number(cell: TableCell) -> str:
    """Write our number without blanks around its sign, for tables of many columns."""
    return our_number(cell).replace(" ± ", "±")


def lead_text(lead: LeadValue) -> str:
    """Write our lead as a table shows it, with the interval of a relative one, or why there is none."""
    if lead.lacking:
        return lead.lacking.state
    if not lead.lead.relative:
        return signed(lead.value)
    return f"{signed(lead.value)} % {interval(lead.low, lead.high)}".rstrip()


def measure_sentence(table: Table) -> str:
    """Say in one sentence what the cells show."""
    kinds: dict[str, list[str]] = {}
    for column in table.columns:
        kinds.setdefault(cell_definition(table.column(column)[0]), []).append(column)
    parts = [f"{', '.join(columns)}: {text}" if len(kinds) > 1 else sentence(text) for text, columns in kinds.items()]
    measured = [cell for cell in table.cells.values() if not cell.is_count]
    if not measured:
        return "; ".join(parts)
    planned = _range([cell.planned for cell in measured])
    there = _range([cell.planned - cell.missing for cell in measured])
    runs = f"{planned} run{'' if planned == '1' else 's'}"
    counted = runs if there == planned else f"{there} of {runs}"
    return f"{'; '.join(parts)}{';' if len(parts) > 1 else ''} over {counted} per cell"


def _range(numbers: Sequence[int]) -> str:
    least, most = min(numbers), max(numbers)
    return str(least) if least == most else f"{least} to {most}"


def cell_definition(cell: TableCell) -> str:
    """Say what a cell shows."""
    if cell.is_count:
        return METRICS[cell.metric]
    how = "best" if cell.aggregate == "best" else "mean ± 95 % t-interval"
    return f"{METRICS[cell.metric]}{'' if cell.metric in CHANGES else ', in percent'}: {how}"


def comparability(table: Table) -> str:
    """Say how the published numbers relate to ours; empty where there are none."""
    if not table.has_published_numbers:
        return ""
    source = table.experiment.published.source if table.experiment.published else ""
    if table.size.comparable:
        return f"paper: {source}; difference = ours − paper"
    reason = f"not comparable: preset {table.preset}" + (f" ({table.size.note.rstrip('.')})" if table.size.note else "")
    return f"{reason}. The paper's numbers ({source}) are for orientation only"


ONE_VERDICT = "which compares the same runs with all of its rows at once, and a run has one verdict"


def verdict_rule(table: Table) -> str:
    """State the rule behind better, worse, equivalent and inconclusive in one sentence; empty without comparisons.

    An excerpt, a table or some columns of it, says which table judges the runs.
    """
    excerpts = _excerpts(table)
    if [*excerpts.values()] == [[*table.columns]]:
        return f"no verdicts here: this is an excerpt of {next(iter(excerpts))}, {ONE_VERDICT}"
    elsewhere = "".join(
        f"; no verdicts for {', '.join(columns)}, an excerpt of {judge}, {ONE_VERDICT}"
        for judge, columns in excerpts.items()
    )
    if not any(cell.comparison for cell in table.cells.values()):
        return ""
    baseline, margin = table.experiment.baseline, f"{table.experiment.margin:g}"
    return (
        f"verdict against {baseline}, paired by seed: equivalent if the 90 % interval of the difference lies within "
        f"±{margin} points; otherwise better or worse if the Holm-adjusted p < 0.05 (paired t-test, one family per "
        f"column); otherwise inconclusive{elsewhere}"
    )


def _excerpts(table: Table) -> dict[str, list[str]]:
    """The tables that judge columns of this one, each with these columns."""
    found: dict[str, list[str]] = {}
    for column in table.experiment.columns:
        if column.label in table.columns and (judge := table.experiment.judge_of(column)):
            found.setdefault(judge, []).append(column.label)
    return found


def statistics_sentence(table: Table) -> str:
    """Report the statistics as a paper's text does: runs, test, correction, margin, and how the verdicts fell.

    Empty where nothing was compared.
    """
    compared = [cell for cell in table.cells.values() if cell.comparison is not None]
    if not compared:
        return ""
    pairs = sorted({cell.comparison.n for cell in compared if cell.comparison})
    many = f"{pairs[0]}" if len(pairs) == 1 else f"{pairs[0]} to {pairs[-1]}"
    family = max(sum(cell.column == column for cell in compared) for column in table.columns)
    baseline, margin = table.experiment.baseline, f"{table.experiment.margin:g}"
    fell: Counter[str] = Counter(cell.comparison.verdict for cell in compared if cell.comparison)
    outcome = ", ".join(f"{fell[verdict]} {verdict}" for verdict in MARKS if fell[verdict])
    correction = f", Holm-adjusted over the {family} comparisons of a column" if family > 1 else ""
    return (
        f"Each function was compared with {baseline} on n = {many} runs that share their seeds, by a two-sided paired "
        f"t-test at the level 0.05{correction}; intervals are 95 % t-intervals. Two functions are equivalent where "
        f"the 90 % interval of their difference lies within ±{margin} percentage points. Of "
        f"{plural(len(compared), 'comparison')}: {outcome}."
    )


def undecided_by_holm(table: Table) -> str:
    """Name the rows that are inconclusive only because several were compared at once; empty where there are none."""
    found: dict[str, list[str]] = {}
    for cell in table.cells.values():
        one = cell.comparison
        if one is not None and one.verdict == "inconclusive" and one.n >= FEWEST and one.p < one.significance:
            found.setdefault(cell.column, []).append(cell.row)
    if not found:
        return ""
    several = len(table.accuracy_columns) > 1
    places = "; ".join(f"{column}: {', '.join(rows)}" if several else ", ".join(rows) for column, rows in found.items())
    return (
        "inconclusive although the 95 % interval of the difference excludes 0, because so many rows are compared at "
        f"once (Holm's correction): {places}"
    )


def detectable_difference(table: Table) -> str:
    """Say which differences these comparisons could have found; empty where that is unknown."""
    found = [cell.comparison.detectable for cell in table.cells.values() if cell.comparison]
    effects = [effect for effect in found if math.isfinite(effect)]
    if not effects:
        return ""
    low, high = number(min(effects)), number(max(effects))
    span = f"{low} points" if low == high else f"{low} to {high} points, depending on the cell"
    return f"smallest difference that a paired t-test finds here with 80 % power: {span}"


NAMED = 6
"""Of how many rows it is said what more seeds would show; of more, the range."""


def more_seeds(table: Table) -> str:
    """Say what more seeds would show of the rows that are inconclusive; empty where nothing is."""
    open_ones: list[tuple[str, MorePairs]] = []
    several = len(table.accuracy_columns) > 1
    for cell in table.cells.values():
        one = cell.comparison
        if one is None or one.verdict != "inconclusive" or one.n < FEWEST:
            continue
        family = sum(other.comparison is not None for other in table.column(cell.column))
        more = more_pairs(one, table.experiment.margin, level=one.significance / family)
        if more is not None:
            open_ones.append((f"{cell.row} at {cell.column}" if several else cell.row, more))
    if not open_ones:
        return ""
    known = sorted((more.pairs, more.difference, row) for row, more in open_ones if more.pairs is not None)
    hopeless = [row for row, more in open_ones if more.pairs is None]
    if known and len(open_ones) > NAMED:
        (least, _, first), (most, _, last) = known[0], known[-1]
        return (
            f"with 80 % power, {least:,} ({first}) to {most:,} ({last}) more seeds would show the differences that "
            "were found, or one as large as the margin where these are smaller"
        )
    parts = [f"{plural(pairs, 'more seed')} would show {number(found)} points for {row}" for pairs, found, row in known]
    if hopeless:
        parts.append(f"no number of seeds that one could run would show anything for {', '.join(hopeless)}")
    return f"with 80 % power, {'; '.join(parts)}"


def lead_rule(table: Table) -> str:
    """Say what the lines below the table are; empty where there are none."""
    lines = [
        f"{lead.label}: by how many percent of {lead.over[0]}'s error that of {lead.row} is smaller, paired by seed, "
        "with its 95 % t-interval"
        for lead in table.leads
        if lead.relative
    ]
    absolute = [lead for lead in table.leads if not lead.relative]
    lines += [f"{lead.label}: {lead.row} − the highest of {', '.join(lead.over)}" for lead in absolute]
    rule = "in percentage points, from the numbers shown; without an interval, as the highest was picked afterwards"
    return "; ".join([*lines, *([rule] if absolute else [])])


def misprints(table: Table) -> str:
    """Say where the published numbers shown contradict one another; empty where they do not."""
    published = table.experiment.published
    if not table.beside_paper or published is None or not published.notes:
        return ""
    return f"the printed numbers contradict one another: {' '.join(published.notes).rstrip('.')}"


def progress(table: Table) -> str:
    """Say how many runs finished, diverged or are missing; empty where nothing is trained."""
    if table.columns and not table.accuracy_columns:
        return ""
    finished = table.planned - table.missing - table.diverged
    parts = [f"{finished} of {plural(table.planned, 'run')} finished"]
    if table.diverged:
        parts.append(f"{table.diverged} diverged: counted in the table, but left out of the means")
    if table.missing:
        parts.append(f"{table.missing} missing")
    there, tests = table.untrained
    if tests:
        parts.append(f"of those that test networks without training them, {there} of {tests}")
    return "; ".join(parts)


def footnotes(table: Table) -> list[str]:
    """List what a reader must know to read the table, one sentence each, the most important first."""
    lines = [
        measure_sentence(table),
        comparability(table),
        misprints(table),
        lead_rule(table),
        verdict_rule(table),
        undecided_by_holm(table),
        detectable_difference(table),
        more_seeds(table),
        progress(table),
    ]
    return [f"{sentence(line)}." for line in lines if line]


def sentence(text: str) -> str:
    """Write the text with its first letter in upper case."""
    return text[:1].upper() + text[1:]
