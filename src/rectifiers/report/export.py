"""The table for other programs and for papers: JSON-able dict, CSV, Markdown, LaTeX."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable
from typing import Any

from ..experiments.result import METRICS
from .table import Entry, Table
from .wording import MARKS, footnotes, number, ours


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
    }


def to_csv(table: Table) -> str:
    """One line per cell, with a header; empty where there is no number."""
    head = {
        "experiment": table.experiment.name,
        "preset": table.preset,
        "metric": table.experiment.metric,
        "aggregate": table.experiment.aggregate,
        "baseline": table.experiment.baseline,
    }
    records = [{**head, **_record(entry)} for entry in table.entries.values()]
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, fieldnames=list(records[0]) if records else list(head), lineterminator="\n")
    writer.writeheader()
    writer.writerows(records)
    return buffer.getvalue()


def to_markdown(table: Table) -> str:
    """A pipe table with its footnotes."""
    lines = [
        "| " + " | ".join(_markdown(text) for text in ("", *table.columns)) + " |",
        "|:--" + "|--:" * len(table.columns) + "|",
    ]
    for row in table.rows:
        cells = [_cell(table, table.entries[row, column], _markdown, "**{}**") for column in table.columns]
        lines.append("| " + " | ".join([_markdown(row), *cells]) + " |")
    notes = [*footnotes(table), *_marks(table)]
    return "\n".join([*lines, "", *(f"{_markdown(note)}  " for note in notes)]) + "\n"


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
        cells = [_cell(table, table.entries[row, column], _latex, r"\textbf{{{}}}") for column in table.columns]
        lines.append("    " + " & ".join([_latex(row), *cells]) + r" \\")
    lines += [r"    \bottomrule", r"  \end{tabular}", ""]
    lines += [r"  \footnotesize " + " ".join(_latex(note) for note in [*footnotes(table), *_marks(table)])]
    return "\n".join([*lines, r"\end{table}"]) + "\n"


def _record(entry: Entry) -> dict[str, Any]:
    summary, comparison = entry.summary, entry.comparison
    record = {
        "row": entry.row,
        "column": entry.column,
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
    return {
        key: None if isinstance(value, float) and not math.isfinite(value) else value for key, value in record.items()
    }


def _cell(table: Table, entry: Entry, escape: Callable[[str], str], bold: str) -> str:
    text = escape(ours(entry, table.experiment.aggregate))
    if table.winner(entry.column) == entry.row:
        text = bold.format(text)
    extras = []
    if table.beside_paper:
        extras.append(f"({number(entry.published)})" + ("†" if entry.outside else ""))
    if entry.comparison is not None:
        extras.append(MARKS[entry.comparison.verdict])
    if entry.summary.n and entry.state:
        extras.append(f"({entry.state})")
    return " ".join([text, *map(escape, extras)])


def _marks(table: Table) -> list[str]:
    """What the signs in the cells mean."""
    entries = table.entries.values()
    marks = ["Bold: the highest of its column."]
    if table.beside_paper:
        marks.append("In brackets: the paper's number; †: it lies outside our interval.")
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
