"""The table in a terminal."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence

from rich import box
from rich.cells import cell_len
from rich.console import Console, Group, RenderableType
from rich.table import Table as RichTable
from rich.text import Text

from .analyses.section import Grid, GridEntry, Section
from .table import LeadValue, Table, TableCell
from .wording import (
    MARKS,
    cell_number,
    compact_number,
    entry_text,
    footnotes,
    interval,
    lead_text,
    minus_paper,
    number,
    our_number,
    signed,
)

COLOURS = {"better": "green", "worse": "red", "equivalent": "cyan", "inconclusive": "dim"}

GUTTER = "  "
"""What rich puts between two columns here."""


def plain_text(content: RenderableType, width: int) -> str:
    """What a terminal shows, without colours.

    Args:
        content: what `rich.console.Console.print` takes.
        width: characters per line.
    """
    buffer = io.StringIO()
    # By itself, a console would show it in a notebook, and colour it where FORCE_COLOR is set.
    Console(
        file=buffer, width=width, highlight=False, color_system=None, force_jupyter=False, legacy_windows=False
    ).print(content)
    return buffer.getvalue()


def render(table: Table, width: int = 100) -> Group:
    """Show the table on a rich console.

    A single column of the experiment becomes a detailed table; several become compact blocks. What does not fit side by
    side follows below.

    Args:
        table: what `build` computed.
        width: characters per line.

    Returns:
        What `rich.console.Console.print` takes.
    """
    parts: list[RenderableType] = [Text(table.experiment.title, style="bold"), Text()]
    if len(table.columns) == 1:
        (column,) = table.columns
        for grid in _detailed(table, column, width):
            parts += [grid, Text()]
        if table.leads:
            parts[-1:] = [*map(Text, _leads(table, column)), Text()]
    elif table.columns:
        for columns in table.blocks(_most(table, width)):
            parts += [*_block(table, columns), Text()]
        parts.append(Text(_key(table), style="dim"))
    parts.extend(Text(line, style="dim") for line in footnotes(table))
    return Group(*parts)


def render_sections(sections: Sequence[Section], width: int = 100) -> Group:
    """Show the grids and findings of an analysis on a rich console.

    Args:
        sections: what the analysis found.
        width: characters per line; the columns of a wider grid follow below one another.
    """
    parts: list[RenderableType] = []
    for section in sections:
        parts += [Text(), Text(section.heading, style="bold")]
        for grid in section.grids:
            for columns in _fitting([_least(grid, index) for index in range(len(grid.head))], width):
                parts += [Text(), _part(grid, columns)]
        parts += [Text(line, style="dim") for line in (section.finding, section.text) if line]
    return Group(*parts)


def _entry(grid: Grid, cell: GridEntry) -> str:
    # Without blanks in it, an interval breaks into a line of its own.
    return entry_text(cell, grid.digits).replace(", ", ",")


def _least(grid: Grid, index: int) -> int:
    """How narrow a column may be: only headings and intervals may break, numbers with what stands behind ± may not."""
    pieces = grid.head[index].split()
    for cell in (row[index] for row in grid.rows):
        pieces += [cell] if isinstance(cell, str) else _entry(grid, cell).split()
    return max(map(cell_len, pieces), default=0)


def _fitting(widths: Sequence[int], width: int) -> Iterator[list[int]]:
    """Group columns, by their widths, so that each group fits beside the labels in the first one."""
    free = width - widths[0]
    group: list[int] = []
    used = 0
    for index, wants in enumerate(widths[1:], start=1):
        if group and used + len(GUTTER) + wants > free:
            yield group
            group, used = [], 0
        group.append(index)
        used += len(GUTTER) + wants
    yield group


def _part(grid: Grid, columns: Sequence[int]) -> RichTable:
    """Some columns of a grid beside its labels."""
    shown = _bare_table()
    for index in (0, *columns):
        shown.add_column(Text(grid.head[index]), justify="right" if index else "left", min_width=_least(grid, index))
    for row in grid.rows:
        shown.add_row(*(Text(_entry(grid, row[index])) for index in (0, *columns)))
    return shown


def _bare_table() -> RichTable:
    return RichTable(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))


def _labelled_table() -> RichTable:
    """A table whose first column has the labels of the rows; where there is no room, they break, and no number does."""
    grid = _bare_table()
    grid.add_column("", overflow="fold")
    return grid


def _detailed(table: Table, column: str, width: int) -> Iterator[RichTable]:
    baseline, winner, cells = table.experiment.baseline, table.winner(column), table.column(column)
    fields = [(Text(heading), [text(cell) for cell in cells]) for heading, text in _fields(table)]
    widths = [max(text.cell_len for text in (heading, *texts)) for heading, texts in fields]
    for group in _fitting([_label_width(table), *widths], width):
        grid = _labelled_table()
        shown = [fields[index - 1] for index in group]
        for heading, _ in shown:
            grid.add_column(heading, justify="right", no_wrap=True)
        for place, cell in enumerate(cells):
            style = "bold" if cell.row == winner else "italic" if cell.row == baseline else ""
            grid.add_row(Text(cell.row), *(texts[place] for _, texts in shown), style=style)
        yield grid


def _label_width(table: Table) -> int:
    return max(map(cell_len, table.rows))


def _leads(table: Table, column: str) -> Iterator[str]:
    """Write the leads in one column, one to a line."""
    for value in (table.lead_value(lead, column) for lead in table.leads):
        paper = f" (paper {signed(value.published)})" if table.beside_paper else ""
        yield f"{value.lead.label}: {lead_text(value)}{paper}"


def _fields(table: Table) -> Iterator[tuple[str, Callable[[TableCell], Text]]]:
    """Give heading and text of the detailed table's columns that have something to say."""
    cells = list(table.cells.values())
    counted, best = (all(flags) for flags in zip(*((e.is_count, e.aggregate == "best") for e in cells), strict=True))
    yield ("ours" if counted else "best" if best else "mean ± 95 %"), lambda cell: Text(our_number(cell))
    if table.has_published_numbers:
        heading = "paper" if table.size.comparable else "paper (not comparable)"
        yield heading, lambda cell: Text(cell_number(cell, cell.published))
    if table.beside_paper:
        yield "− paper", lambda cell: Text(minus_paper(cell) + ("†" if cell.outside else ""))
    elif not counted:
        yield "std", lambda cell: Text(number(cell.summary.std))
        yield "best", lambda cell: Text(number(cell.summary.best))
    if any(cell.comparison for cell in cells):
        yield f"− {table.experiment.baseline} [95 %]", _against_baseline
        yield "verdict", _verdict
    if table.diverged:
        yield "diverged", lambda cell: Text(str(cell.summary.diverged or ""))
    if any(cell.activation_parameters for cell in cells):
        yield "learned", lambda cell: Text(_count(cell.activation_parameters))


def _count(value: int | None) -> str:
    return "–" if value is None else f"{value:,}"


def _against_baseline(cell: TableCell) -> Text:
    if cell.comparison is None or not cell.comparison.n:
        return Text("–")
    return Text(f"{signed(cell.comparison.difference)} {interval(cell.comparison.low, cell.comparison.high)}")


def _verdict(cell: TableCell) -> Text:
    if cell.comparison is None:
        return Text("")
    return Text(cell.comparison.verdict, style=COLOURS[cell.comparison.verdict])


def _most(table: Table, width: int) -> int:
    """Count the columns that fit side by side."""
    cell = max(text.cell_len for column in table.columns for text in _texts(table, column)) + len(GUTTER)
    return max(1, (width - _label_width(table) - len(GUTTER)) // cell)


def _block(table: Table, columns: Sequence[str]) -> Iterator[RenderableType]:
    """Show some columns; the labels of the leads below them are long, and stand on lines of their own."""
    grid = _labelled_table()
    headings, *lines = zip(*(_aligned(table, column) for column in columns), strict=True)
    for heading in headings:
        grid.add_column(heading, no_wrap=True)
    for row, cells in zip(table.rows, lines, strict=False):
        grid.add_row(Text(row), *cells, style="italic" if row == table.experiment.baseline else "")
    yield grid
    indent = Text(" " * _label_width(table))
    for lead, cells in zip(table.leads, lines[len(table.rows) :], strict=True):
        yield Text(lead.label)
        yield Text(GUTTER).join([indent, *cells])


def _aligned(table: Table, column: str) -> list[Text]:
    """Pad the texts of a column on the left: rich drops the blanks that would align them on the right."""
    texts = _texts(table, column)
    width = max(text.cell_len for text in texts)
    for text in texts:
        text.pad_left(width - text.cell_len)
    return texts


def _texts(table: Table, column: str) -> list[Text]:
    """Write heading, cells and leads of a column."""
    lacking, winner = any(cell.summary.n and cell.state for cell in table.cells.values()), table.winner(column)
    cells = [_compact(table, cell, lacking=lacking) for cell in table.column(column)]
    for row, cell in zip(table.rows, cells, strict=True):
        if row == winner:
            cell.stylize("bold")
    return [Text(column), *cells, *(_lead(table, table.lead_value(lead, column)) for lead in table.leads)]


def _compact(table: Table, cell: TableCell, *, lacking: bool) -> Text:
    """Write a cell such as "93.05±0.41 (93.13)†▲"; every part has its place, so that columns line up."""
    text = Text(compact_number(cell) if cell.summary.n else _absent(cell))
    if lacking:
        text.append("!" if cell.summary.n and cell.state else " ", style="yellow")
    elif table.beside_paper:
        text.append(" ")
    if table.beside_paper:
        text.append(f"({cell_number(cell, cell.published)})" + ("†" if cell.outside else " "), style="dim")
    if cell.comparison is not None:
        text.append(MARKS[cell.comparison.verdict], style=COLOURS[cell.comparison.verdict])
    elif table.experiment.baseline in table.rows:
        text.append(" ")
    return text


def _lead(table: Table, value: LeadValue) -> Text:
    """Write a lead such as "+9.78 (+10.77)", with blanks where a cell has marks."""
    text = Text(_absent(value.lacking) if value.lacking else lead_text(value))
    if table.beside_paper:
        text.append(f" ({signed(value.published)}) ", style="dim")
    if table.experiment.baseline in table.rows:
        text.append(" ")
    return text


def _absent(cell: TableCell) -> str:
    return "not run" if cell.missing == cell.planned else "diverged" if cell.summary.diverged else "no data"


def _key(table: Table) -> str:
    """Explain the marks that occur in the compact cells."""
    cells = table.cells.values()
    kinds = ["ours" if e.is_count else "best" if e.aggregate == "best" else "mean±interval" for e in cells]
    what = " or ".join(dict.fromkeys(kinds))
    parts = [f"{what} (paper)" if table.beside_paper else what]
    if any(cell.outside for cell in cells):
        parts.append("† the paper's number lies outside our interval")
    if any(cell.summary.n and cell.state for cell in cells):
        parts.append("! some runs diverged or are missing")
    if any(cell.comparison for cell in cells):
        parts.extend(f"{mark} {verdict}" for verdict, mark in MARKS.items())
    return "  ".join(parts)
