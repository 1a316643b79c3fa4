"""HTML for notebooks: fragments that need nothing else and take the colours of a light or a dark page."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape

STYLE = "text-align:left;padding:2px 12px 2px 0;border:none;background:none;color:inherit;vertical-align:top"
"""Of a cell: notebooks give tables stripes and alignments of their own."""

NUMBER = STYLE.replace("text-align:left", "text-align:right")
FAINT = "opacity:.7"


def facts(heading: str, items: Mapping[str, str], notes: Iterable[str] = ()) -> str:
    """A heading, a list of facts with their names, and notes below.

    Example:
        >>> "<b>two &lt; three</b>" in facts("two < three", {"runs": "6"})
        True
    """
    rows = (
        f'<tr style="background:none"><td style="{STYLE};{FAINT}">{escape(name)}</td>'
        f'<td style="{STYLE}">{_lines(text)}</td></tr>'
        for name, text in items.items()
    )
    return f"<div><b>{escape(heading)}</b>{_table(''.join(rows))}{_notes(notes)}</div>"


def grid(heading: str, columns: Sequence[str], rows: Iterable[Sequence[str]], notes: Iterable[str] = ()) -> str:
    """A table whose first column holds labels and whose others hold numbers; its cells are HTML already.

    Args:
        heading: above it, as text.
        columns: their titles, as text.
        rows: of HTML.
        notes: below it, as text.
    """
    head = "".join(
        f'<th style="{NUMBER if place else STYLE};border-bottom:1px solid rgba(128,128,128,.5)">{escape(title)}</th>'
        for place, title in enumerate(columns)
    )
    body = "".join(
        '<tr style="background:none">'
        + "".join(f'<td style="{NUMBER if place else STYLE}">{cell}</td>' for place, cell in enumerate(row))
        + "</tr>"
        for row in rows
    )
    content = _table(f'<tr style="background:none">{head}</tr>{body}')
    return f"<div><b>{escape(heading)}</b>{content}{_notes(notes)}</div>"


def _table(rows: str) -> str:
    return f'<table style="border-collapse:collapse;background:none;color:inherit;margin:4px 0">{rows}</table>'


def _lines(text: str) -> str:
    return escape(text).replace("\n", "<br>")


def _notes(notes: Iterable[str]) -> str:
    return "".join(f'<div style="{FAINT};font-size:90%">{_lines(note)}</div>' for note in notes)
