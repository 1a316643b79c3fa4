"""The table in a terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table as Grid
from rich.text import Text

from .analyses.section import Section
from .table import Entry, Gap, Table
from .wording import MARKS, compact, estimate, footnotes, interval, lead, minus_paper, number, ours, shown, signed

COLOURS = {"better": "green", "worse": "red", "equivalent": "cyan", "inconclusive": "dim"}

GUTTER = "  "
"""What rich puts between two columns here."""


def render(table: Table, width: int = 100) -> Group:
    """The table for a rich console.

    One column of the experiment becomes a detailed table; several become compact blocks side by side, as many to a
    block as fit.

    Args:
        table: from `build`.
        width: characters per line.

    Returns:
        What `rich.console.Console.print` takes.
    """
    parts: list[RenderableType] = [Text(table.experiment.title, style="bold"), Text()]
    if len(table.columns) == 1:
        (column,) = table.columns
        parts += [_detailed(table, column), *map(Text, _leads(table, column)), Text()]
    elif table.columns:
        for columns in table.blocks(_most(table, width)):
            parts += [*_block(table, columns), Text()]
        parts.append(Text(_key(table), style="dim"))
    parts.extend(Text(line, style="dim") for line in footnotes(table))
    return Group(*parts)


def render_sections(sections: Sequence[Section]) -> Group:
    """What an analysis found, for a rich console: its grids and findings."""
    parts: list[RenderableType] = []
    for section in sections:
        parts += [Text(), Text(section.heading, style="bold")]
        for found in section.grids:
            grid = Grid(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
            for place, title in enumerate(found.head):
                words = [cell for row in found.rows if isinstance(cell := row[place], str)]
                # Only intervals may break; numbers with what stands behind ± may not.
                least = max(map(len, words), default=None)
                grid.add_column(Text(title), justify="right" if place else "left", min_width=least)
            for row in found.rows:
                # Without blanks in it, an interval breaks into a line of its own.
                grid.add_row(*(Text(estimate(cell, found.digits).replace(", ", ",")) for cell in row))
            parts += [Text(), grid]
        parts += [Text(line, style="dim") for line in (section.finding, section.text) if line]
    return Group(*parts)


def _detailed(table: Table, column: str) -> Grid:
    baseline = table.experiment.baseline
    winner = table.winner(column)
    fields = list(_fields(table))
    grid = Grid(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    grid.add_column("", no_wrap=True)
    for heading, _ in fields:
        grid.add_column(Text(heading), justify="right", no_wrap=True)
    for entry in table.column(column):
        style = "bold" if entry.row == winner else "italic" if entry.row == baseline else ""
        grid.add_row(Text(entry.row), *(cell(entry) for _, cell in fields), style=style)
    return grid


def _leads(table: Table, column: str) -> Iterator[str]:
    """The leads in one column, one to a line."""
    for gap in (table.gap(line, column) for line in table.leads):
        paper = f" (paper {signed(gap.published)})" if table.beside_paper else ""
        yield f"{gap.lead.label}: {lead(gap)}{paper}"


def _fields(table: Table) -> Iterator[tuple[str, Callable[[Entry], Text]]]:
    """Headings and cells of the detailed table; only those that have something to say."""
    entries = list(table.entries.values())
    counted, best = (all(flags) for flags in zip(*((e.counted, e.aggregate == "best") for e in entries), strict=True))
    yield ("ours" if counted else "best" if best else "mean ± 95 %"), lambda entry: Text(ours(entry))
    if table.published:
        heading = "paper" if table.size.comparable else "paper (not comparable)"
        yield heading, lambda entry: Text(shown(entry, entry.published))
    if table.beside_paper:
        yield "− paper", lambda entry: Text(minus_paper(entry) + ("†" if entry.outside else ""))
    elif not counted:
        yield "std", lambda entry: Text(number(entry.summary.std))
        yield "best", lambda entry: Text(number(entry.summary.best))
    if any(entry.comparison for entry in entries):
        yield f"− {table.experiment.baseline} [95 %]", _against_baseline
        yield "verdict", _verdict
    if table.diverged:
        yield "diverged", lambda entry: Text(str(entry.summary.diverged or ""))
    if any(entry.activation_parameters for entry in entries):
        yield "learned", lambda entry: Text(_count(entry.activation_parameters))


def _count(value: int | None) -> str:
    return "–" if value is None else f"{value:,}"


def _against_baseline(entry: Entry) -> Text:
    if entry.comparison is None or not entry.comparison.n:
        return Text("–")
    return Text(f"{signed(entry.comparison.difference)} {interval(entry.comparison.low, entry.comparison.high)}")


def _verdict(entry: Entry) -> Text:
    if entry.comparison is None:
        return Text("")
    return Text(entry.comparison.verdict, style=COLOURS[entry.comparison.verdict])


def _most(table: Table, width: int) -> int:
    """How many columns fit side by side."""
    label = max(map(len, table.rows)) + len(GUTTER)
    cell = max(len(text) for column in table.columns for text in _texts(table, column)) + len(GUTTER)
    return max(1, (width - label) // cell)


def _block(table: Table, columns: Sequence[str]) -> Iterator[RenderableType]:
    """Some columns; the leads below them have their labels on lines of their own, because these are long."""
    grid = Grid(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    grid.add_column("", no_wrap=True)
    headings, *lines = zip(*(_aligned(table, column) for column in columns), strict=True)
    for heading in headings:
        grid.add_column(heading, no_wrap=True)
    for row, cells in zip(table.rows, lines, strict=False):
        grid.add_row(Text(row), *cells, style="italic" if row == table.experiment.baseline else "")
    yield grid
    indent = Text(" " * max(map(len, table.rows)))
    for line, cells in zip(table.leads, lines[len(table.rows) :], strict=True):
        yield Text(line.label)
        yield Text(GUTTER).join([indent, *cells])


def _aligned(table: Table, column: str) -> list[Text]:
    """The texts of a column, padded on the left: rich drops the blanks that would align them on the right."""
    texts = _texts(table, column)
    width = max(map(len, texts))
    for text in texts:
        text.pad_left(width - len(text))
    return texts


def _texts(table: Table, column: str) -> list[Text]:
    """Heading, cells and leads of a column."""
    cells = [_compact(table, entry) for entry in table.column(column)]
    for row, cell in zip(table.rows, cells, strict=True):
        if row == table.winner(column):
            cell.stylize("bold")
    return [Text(column), *cells, *(_gap(table, table.gap(line, column)) for line in table.leads)]


def _compact(table: Table, entry: Entry) -> Text:
    """A cell such as "93.05±0.41 (93.13)†▲"; every part has its place, so that columns line up."""
    text = Text(compact(entry) if entry.summary.n else _absent(entry))
    if any(cell.summary.n and cell.state for cell in table.entries.values()):
        text.append("!" if entry.summary.n and entry.state else " ", style="yellow")
    elif table.beside_paper:
        text.append(" ")
    if table.beside_paper:
        text.append(f"({shown(entry, entry.published)})" + ("†" if entry.outside else " "), style="dim")
    if entry.comparison is not None:
        text.append(MARKS[entry.comparison.verdict], style=COLOURS[entry.comparison.verdict])
    elif table.experiment.baseline in table.rows:
        text.append(" ")
    return text


def _gap(table: Table, gap: Gap) -> Text:
    """A lead such as "+9.78 (+10.77)", with blanks in the places of the marks that it cannot have."""
    text = Text(_absent(gap.lacking) if gap.lacking else signed(gap.value))
    if table.beside_paper:
        text.append(f" ({signed(gap.published)}) ", style="dim")
    if table.experiment.baseline in table.rows:
        text.append(" ")
    return text


def _absent(entry: Entry) -> str:
    return "not run" if entry.missing == entry.planned else "diverged" if entry.summary.diverged else "no data"


def _key(table: Table) -> str:
    """What the marks of the compact cells mean; only those that occur."""
    entries = table.entries.values()
    kinds = ["ours" if e.counted else "best" if e.aggregate == "best" else "mean±interval" for e in entries]
    what = " or ".join(dict.fromkeys(kinds))
    parts = [f"{what} (paper)" if table.beside_paper else what]
    if any(entry.outside for entry in entries):
        parts.append("† paper outside our interval")
    if any(entry.summary.n and entry.state for entry in entries):
        parts.append("! some trainings diverged or not run")
    if any(entry.comparison for entry in entries):
        parts.extend(f"{mark} {verdict}" for verdict, mark in MARKS.items())
    return "  ".join(parts)
