"""The table for other programs and for papers: JSON-able dict, CSV, Markdown, LaTeX."""

from __future__ import annotations

import csv
import io
import textwrap
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ..core.wording import finite
from ..experiments.result import METRICS
from .analyses.section import Section
from .table import LeadValue, Table, TableCell
from .titles import with_titles
from .wording import (
    MARKS,
    cell_number,
    compact_number,
    entry_text,
    footnotes,
    lead_text,
    signed,
    statistics_sentence,
)

MARKDOWN_COLUMNS = 4
"""How many columns a page of GitHub shows side by side without breaking their cells."""


@dataclass(frozen=True)
class Markup:
    """The way a language writes a cell.

    Args:
        escape: makes a text harmless.
        bold: format of the number that stands out.
        newline: between the parts of a cell; a blank where cells have one line.
    """

    escape: Callable[[str], str]
    bold: str
    newline: str


def to_dict(table: Table) -> dict[str, Any]:
    """Collect all numbers as JSON holds them, with None where there is no number."""
    experiment = table.experiment
    return {
        "experiment": experiment.name,
        "title": experiment.title,
        "preset": table.preset,
        "comparable": table.size.comparable,
        "metric": experiment.metric,
        "metric_definition": METRICS[experiment.metric],
        "aggregate": experiment.aggregate,
        "baseline": experiment.baseline,
        "margin": experiment.margin,
        "published_source": experiment.published.source if experiment.published else None,
        "planned": table.planned,
        "missing": table.missing,
        "diverged": table.diverged,
        "notes": footnotes(table),
        "cells": [cell_record(cell) for cell in table.cells.values()],
        "leads": [_lead_record(table.lead_value(lead, column)) for lead in table.leads for column in table.columns],
    }


def to_csv(table: Table) -> str:
    """Write one line per cell, with a header; a field is empty where there is no number.

    The leads are left out: they follow from the cells, and would fill only two of the columns.
    """
    head = {
        "experiment": table.experiment.name,
        "preset": table.preset,
        "baseline": table.experiment.baseline,
    }
    records = [{**head, **cell_record(cell)} for cell in table.cells.values()]
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, fieldnames=list(records[0]) if records else list(head), lineterminator="\n")
    writer.writeheader()
    writer.writerows(records)
    return buffer.getvalue()


def to_markdown(table: Table) -> str:
    """Write pipe tables of a few columns each, with their legend and footnotes."""
    blocks = ["\n".join(_pipes(table, columns)) for columns in table.blocks(MARKDOWN_COLUMNS)]
    notes = [f"{_markdown(note)}  " for note in [*_marks(table), *footnotes(table)]]
    return "\n\n".join([*blocks, "\n".join(notes)]) + "\n"


def section_to_markdown(section: Section) -> str:
    """Write what stands below a section's heading: text, pipe tables and finding; figures are left to the caller."""
    parts = [_markdown(section.text)]
    for grid in section.grids:
        lines = [_pipe(*map(_markdown, grid.head)), "|:--" + "|--:" * (len(grid.head) - 1) + "|"]
        lines += [_pipe(*(_markdown(entry_text(cell, grid.digits)) for cell in row)) for row in grid.rows]
        parts.append("\n".join(lines))
    parts += [_markdown(section.finding)] if section.finding else []
    return "\n\n".join(parts) + "\n"


def to_latex(table: Table) -> str:
    r"""Write a `table` environment with the functions' titles; it needs \usepackage{booktabs} alone.

    The sentence that reports the statistics stands above it, as a comment to be copied into the text.
    """
    table = with_titles(table)
    lines = [
        *(f"% {line}" for line in textwrap.wrap(_latex(statistics_sentence(table)), 110)),
        r"\begin{table}",
        r"  \centering",
        rf"  \caption{{{_latex(table.experiment.title)}}}",
        rf"  \begin{{tabular}}{{l{'r' * len(table.columns)}}}",
        r"    \toprule",
        "    " + " & ".join(["", *map(_latex, table.columns)]) + r" \\",
        r"    \midrule",
    ]
    for row in table.rows:
        cells = [_cell(table, table.cells[row, column], LATEX) for column in table.columns]
        lines.append("    " + " & ".join([_latex(row), *cells]) + r" \\")
    lines += [r"    \midrule"] if table.leads else []
    for lead in table.leads:
        cells = [_lead(table, table.lead_value(lead, column), LATEX) for column in table.columns]
        lines.append("    " + " & ".join([_latex(lead.label), *cells]) + r" \\")
    lines += [r"    \bottomrule", r"  \end{tabular}", ""]
    notes = r"\footnotesize " + " ".join(_latex(note) for note in [*_marks(table), *footnotes(table)])
    indent = "  "
    lines += textwrap.wrap(
        notes, 110, initial_indent=indent, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )
    return "\n".join([*lines, r"\end{table}"]) + "\n"


def cell_record(cell: TableCell) -> dict[str, Any]:
    """All numbers of a cell by name, with None where there is no number."""
    summary, comparison = cell.summary, cell.comparison
    record = {
        "row": cell.row,
        "column": cell.column,
        "metric": cell.metric,
        "aggregate": cell.aggregate,
        "value": cell.value,
        "n": summary.n,
        "planned": cell.planned,
        "diverged": summary.diverged,
        "missing": cell.missing,
        "mean": summary.mean,
        "std": summary.std,
        "low": summary.low,
        "high": summary.high,
        "best": summary.best,
        "published": cell.published,
        "minus_published": cell.difference,
        "published_outside_interval": cell.outside,
        "pairs": comparison.n if comparison else None,
        "minus_baseline": comparison.difference if comparison else None,
        "minus_baseline_low": comparison.low if comparison else None,
        "minus_baseline_high": comparison.high if comparison else None,
        "p": comparison.p if comparison else None,
        "adjusted_p": comparison.adjusted_p if comparison else None,
        "detectable": comparison.detectable if comparison else None,
        "verdict": comparison.verdict if comparison else None,
        "activation_parameters": cell.activation_parameters,
        "seconds_per_epoch": cell.seconds,
    }
    return {name: finite(value) for name, value in record.items()}


def _lead_record(value: LeadValue) -> dict[str, Any]:
    record = {
        "label": value.lead.label,
        "row": value.lead.row,
        "over": list(value.lead.over),
        "column": value.column,
        "value": value.value,
        "published": value.published,
    }
    if value.lead.relative:
        record |= {"low": value.low, "high": value.high}
    return {name: finite(part) for name, part in record.items()}


def _pipes(table: Table, columns: Sequence[str]) -> Iterator[str]:
    yield _pipe("", *map(_markdown, columns))
    yield "|:--" + "|--:" * len(columns) + "|"
    for row in table.rows:
        yield _pipe(_markdown(row), *(_cell(table, table.cells[row, column], MARKDOWN) for column in columns))
    for lead in table.leads:
        yield _pipe(
            _markdown(lead.label), *(_lead(table, table.lead_value(lead, column), MARKDOWN) for column in columns)
        )


def _pipe(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(table: Table, cell: TableCell, markup: Markup) -> str:
    text = markup.escape(compact_number(cell))
    if table.winner(cell.column) == cell.row:
        text = markup.bold.format(text)
    marks = "†" if cell.outside else ""
    if cell.comparison is not None:
        marks += MARKS[cell.comparison.verdict]
    if table.beside_paper:
        parts = [text, markup.escape(f"({cell_number(cell, cell.published)}){marks}")]
    else:
        parts = [f"{text} {markup.escape(marks)}".rstrip()]
    if cell.summary.n and cell.state:
        parts.append(markup.escape(f"({cell.state})"))
    return markup.newline.join(parts)


def _lead(table: Table, value: LeadValue, markup: Markup) -> str:
    paper = [f"({signed(value.published)})"] if table.beside_paper else []
    return markup.newline.join(map(markup.escape, [lead_text(value), *paper]))


def _marks(table: Table) -> list[str]:
    """Explain the marks in the cells."""
    cells = table.cells.values()
    marks = ["Bold: the highest of its column."]
    if table.beside_paper:
        outside = "; †: it lies outside our 95 % interval" if any(cell.outside for cell in cells) else ""
        marks.append(f"In brackets: the paper's number{outside}.")
    if any(cell.comparison for cell in cells):
        marks.append(", ".join(f"{mark} {verdict}" for verdict, mark in MARKS.items()) + ".")
    return marks


def _markdown(text: str) -> str:
    escaped = "".join(f"\\{character}" if character in "\\`*_[]|" else character for character in text)
    return escaped.replace("&", "&amp;").replace("<", "&lt;").replace("\n", " ")


_GREEK = "αβγδεϵζηθϑικλμ\u00b5νξπϖρϱσςτυφϕχψωΓΔΘΛΞΠΣΥΦΨΩ"
_NAMES = (
    "alpha beta gamma delta varepsilon epsilon zeta eta theta vartheta iota kappa lambda mu mu nu xi pi varpi rho "
    "varrho sigma varsigma tau upsilon varphi phi chi psi omega Gamma Delta Theta Lambda Xi Pi Sigma Upsilon Phi Psi "
    "Omega"
)
"""What LaTeX calls these letters; it has no names for those that look like Latin ones."""
_LOOK_ALIKES = dict(zip("ΑΒΕΖΗΙΚΜΝΟΡΤΧο", "ABEZHIKMNOPTXo", strict=True))

_LATEX = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "%": r"\%",
    "#": r"\#",
    "_": r"\_",
    "^": r"\textasciicircum{}",
    "|": r"\textbar{}",
    "~": r"\textasciitilde{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "−": "$-$",
    "±": r"$\pm$",
    "†": r"$^\dagger$",
    "▲": r"$\bigtriangleup$",
    "▼": r"$\bigtriangledown$",
    "·": r"$\cdot$",
    "≤": r"$\le$",
    "≥": r"$\ge$",
    "×": r"$\times$",
    "→": r"$\to$",
    "²": r"$^2$",
    "³": r"$^3$",
    "√": r"$\surd$",
    "÷": r"$\div$",
    "∞": r"$\infty$",
    "–": "--",
    "—": "---",
    "…": r"\dots{}",
    **{letter: rf"$\{name}$" for letter, name in zip(_GREEK, _NAMES.split(), strict=True)},
    **_LOOK_ALIKES,
    "\n": " ",
}


def _latex(text: str) -> str:
    # At the start of a row, these would be an argument of the \\ that ends the row before.
    first = f"{{{text[0]}}}" if text.startswith(("[", "*")) else ""
    return first + "".join(_LATEX.get(character, character) for character in text[bool(first) :])


MARKDOWN = Markup(_markdown, "**{}**", "<br>")
LATEX = Markup(_latex, r"\textbf{{{}}}", " ")
