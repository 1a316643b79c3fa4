"""The table for other programs and for papers: JSON-able dict, CSV, Markdown, LaTeX."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ..experiments.result import METRICS
from .analyses.section import Section
from .table import Entry, Gap, Table
from .wording import MARKS, compact, estimate, footnotes, lead, shown, signed

MARKDOWN_COLUMNS = 4
"""How many columns a page of GitHub shows side by side without breaking their cells."""


@dataclass(frozen=True)
class Markup:
    """How a language writes a cell.

    Args:
        escape: makes a text harmless.
        bold: format of what stands out.
        newline: between the parts of a cell; a blank where cells have one line.
    """

    escape: Callable[[str], str]
    bold: str
    newline: str


def to_dict(table: Table) -> dict[str, Any]:
    """All numbers, as JSON holds them; None where there is no number."""
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
        "cells": [_record(entry) for entry in table.entries.values()],
        "leads": [_lead_record(table.gap(line, column)) for line in table.leads for column in table.columns],
    }


def to_csv(table: Table) -> str:
    """One line per cell, with a header; empty where there is no number.

    The leads are not among them: they follow from the cells, and fill none of the columns but two.
    """
    head = {
        "experiment": table.experiment.name,
        "preset": table.preset,
        "baseline": table.experiment.baseline,
    }
    records = [{**head, **_record(entry)} for entry in table.entries.values()]
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, fieldnames=list(records[0]) if records else list(head), lineterminator="\n")
    writer.writeheader()
    writer.writerows(records)
    return buffer.getvalue()


def to_markdown(table: Table) -> str:
    """Pipe tables of a few columns each, with their legend and footnotes."""
    blocks = ["\n".join(_pipes(table, columns)) for columns in table.blocks(MARKDOWN_COLUMNS)]
    notes = [f"{_markdown(note)}  " for note in [*_marks(table), *footnotes(table)]]
    return "\n\n".join([*blocks, "\n".join(notes)]) + "\n"


def section_to_markdown(section: Section) -> str:
    """What an analysis found, below its heading: text, pipe tables and finding; the pictures are the caller's."""
    parts = [_markdown(section.text)]
    for grid in section.grids:
        lines = [_pipe(*map(_markdown, grid.head)), "|:--" + "|--:" * (len(grid.head) - 1) + "|"]
        lines += [_pipe(*(_markdown(estimate(cell, grid.digits)) for cell in row)) for row in grid.rows]
        parts.append("\n".join(lines))
    parts += [_markdown(section.finding)] if section.finding else []
    return "\n\n".join(parts) + "\n"


def to_latex(table: Table) -> str:
    r"""A `table` environment for the booktabs package; needs \usepackage{booktabs} alone."""
    lines = [
        r"\begin{table}",
        r"  \centering",
        rf"  \caption{{{_latex(table.experiment.title)}}}",
        rf"  \begin{{tabular}}{{l{'r' * len(table.columns)}}}",
        r"    \toprule",
        "    " + " & ".join(["", *map(_latex, table.columns)]) + r" \\",
        r"    \midrule",
    ]
    for row in table.rows:
        cells = [_cell(table, table.entries[row, column], LATEX) for column in table.columns]
        lines.append("    " + " & ".join([_latex(row), *cells]) + r" \\")
    lines += [r"    \midrule"] if table.leads else []
    for line in table.leads:
        cells = [_lead(table, table.gap(line, column), LATEX) for column in table.columns]
        lines.append("    " + " & ".join([_latex(line.label), *cells]) + r" \\")
    lines += [r"    \bottomrule", r"  \end{tabular}", ""]
    lines += [r"  \footnotesize " + " ".join(_latex(note) for note in [*_marks(table), *footnotes(table)])]
    return "\n".join([*lines, r"\end{table}"]) + "\n"


def _record(entry: Entry) -> dict[str, Any]:
    summary, comparison = entry.summary, entry.comparison
    record = {
        "row": entry.row,
        "column": entry.column,
        "metric": entry.metric,
        "aggregate": entry.aggregate,
        "value": entry.value,
        "n": summary.n,
        "planned": entry.planned,
        "diverged": summary.diverged,
        "missing": entry.missing,
        "mean": summary.mean,
        "std": summary.std,
        "low": summary.low,
        "high": summary.high,
        "best": summary.best,
        "published": entry.published,
        "minus_published": entry.difference,
        "published_outside_interval": entry.outside,
        "pairs": comparison.n if comparison else None,
        "minus_baseline": comparison.difference if comparison else None,
        "minus_baseline_low": comparison.low if comparison else None,
        "minus_baseline_high": comparison.high if comparison else None,
        "p": comparison.p if comparison else None,
        "adjusted_p": comparison.adjusted_p if comparison else None,
        "detectable": comparison.detectable if comparison else None,
        "verdict": comparison.verdict if comparison else None,
        "activation_parameters": entry.activation_parameters,
        "seconds_per_epoch": entry.seconds,
    }
    return _finite(record)


def _lead_record(gap: Gap) -> dict[str, Any]:
    return _finite(
        {
            "label": gap.lead.label,
            "row": gap.lead.row,
            "over": list(gap.lead.over),
            "column": gap.column,
            "value": gap.value,
            "published": gap.published,
        }
    )


def _finite(record: dict[str, Any]) -> dict[str, Any]:
    return {
        key: None if isinstance(value, float) and not math.isfinite(value) else value for key, value in record.items()
    }


def _pipes(table: Table, columns: Sequence[str]) -> Iterator[str]:
    yield _pipe("", *map(_markdown, columns))
    yield "|:--" + "|--:" * len(columns) + "|"
    for row in table.rows:
        yield _pipe(_markdown(row), *(_cell(table, table.entries[row, column], MARKDOWN) for column in columns))
    for line in table.leads:
        yield _pipe(_markdown(line.label), *(_lead(table, table.gap(line, column), MARKDOWN) for column in columns))


def _pipe(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(table: Table, entry: Entry, markup: Markup) -> str:
    text = markup.escape(compact(entry))
    if table.winner(entry.column) == entry.row:
        text = markup.bold.format(text)
    marks = "†" if entry.outside else ""
    if entry.comparison is not None:
        marks += MARKS[entry.comparison.verdict]
    if table.beside_paper:
        parts = [text, markup.escape(f"({shown(entry, entry.published)}){marks}")]
    else:
        parts = [f"{text} {markup.escape(marks)}".rstrip()]
    if entry.summary.n and entry.state:
        parts.append(markup.escape(f"({entry.state})"))
    return markup.newline.join(parts)


def _lead(table: Table, gap: Gap, markup: Markup) -> str:
    paper = [f"({signed(gap.published)})"] if table.beside_paper else []
    return markup.newline.join(map(markup.escape, [lead(gap), *paper]))


def _marks(table: Table) -> list[str]:
    """What the signs in the cells mean."""
    entries = table.entries.values()
    marks = ["Bold: the highest of its column."]
    if table.beside_paper:
        outside = "; †: it lies outside our 95 % interval" if any(entry.outside for entry in entries) else ""
        marks.append(f"In brackets: the paper's number{outside}.")
    if any(entry.comparison for entry in entries):
        marks.append(", ".join(f"{mark} {verdict}" for verdict, mark in MARKS.items()) + ".")
    return marks


def _markdown(text: str) -> str:
    escaped = "".join(f"\\{character}" if character in "\\`*_[]|" else character for character in text)
    return escaped.replace("&", "&amp;").replace("<", "&lt;").replace("\n", " ")


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
    "~": r"\textasciitilde{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "−": "$-$",
    "±": r"$\pm$",
    "†": r"$^\dagger$",
    "▲": r"$\bigtriangleup$",
    "▼": r"$\bigtriangledown$",
    "·": r"$\cdot$",
    "α": r"$\alpha$",
    "β": r"$\beta$",
    "θ": r"$\theta$",
    "\n": " ",
}


def _latex(text: str) -> str:
    return "".join(_LATEX.get(character, character) for character in text)


MARKDOWN = Markup(_markdown, "**{}**", "<br>")
LATEX = Markup(_latex, r"\textbf{{{}}}", " ")
