"""`rectifiers table`: the table, from the results there are."""

from __future__ import annotations

import json
from collections.abc import Sequence
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .options import (
    RESULTS,
    ExperimentArgument,
    PresetOption,
    ResultsOption,
    SeedsOption,
    SettingsOption,
)
from .output import PIPE_WIDTH, save, width

if TYPE_CHECKING:
    from ..report.analyses.section import Section
    from ..report.table import Outcomes, Table
    from .selection import Selection


class Format(str, Enum):
    """How the table is written."""

    terminal = "terminal"
    markdown = "markdown"
    csv = "csv"
    latex = "latex"
    json = "json"
    jsonl = "jsonl"


def print_table(
    experiment: ExperimentArgument,
    preset: PresetOption = None,
    seeds: SeedsOption = None,
    settings: SettingsOption = None,
    results: ResultsOption = RESULTS,
    style: Annotated[Format, typer.Option("--format", "-f", help="For whom.")] = Format.terminal,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="File to write instead of printing.", show_default=False)
    ] = None,
) -> None:
    """Print the table of an experiment, without running anything; what was not run says so."""
    from ..experiments.archive import to_jsonl
    from ..report.table import build
    from .report import kept_sections
    from .selection import select

    selection = select(experiment, preset, seeds, settings)
    outcomes = selection.outcomes(results)
    if style is Format.terminal and output is None:
        print(f"{selection.heading}\n")
        print_terminal_table(selection, outcomes)
        print_sections(kept_sections(selection, results))
        return
    if style is Format.jsonl:
        text = to_jsonl(result for _, result in outcomes if result is not None)
    else:
        table = build(selection.experiment, selection.preset, outcomes)
        text = _text(table, kept_sections(selection, results), style)
    if output is None:
        print(text, end="")
    else:
        save(output, text)


def print_terminal_table(selection: Selection, outcomes: Outcomes) -> None:
    """Print the table with colours, as wide as the terminal."""
    from rich.console import Console

    from ..report.table import build
    from ..report.terminal import render

    columns = width()
    Console(width=columns, highlight=False).print(
        render(build(selection.experiment, selection.preset, outcomes), columns)
    )


def print_sections(sections: Sequence[Section]) -> None:
    """Print what an analysis found, as wide as the terminal."""
    from rich.console import Console

    from ..report.terminal import render_sections

    if sections:
        Console(width=width(), highlight=False).print(render_sections(sections))


def _text(table: Table, sections: Sequence[Section], style: Format) -> str:
    from ..report import export

    if style is Format.terminal:
        return _plain(table, sections)
    if style is Format.json:
        return json.dumps(export.to_dict(table), indent=2, ensure_ascii=False) + "\n"
    writers = {Format.markdown: export.to_markdown, Format.csv: export.to_csv, Format.latex: export.to_latex}
    text = writers[style](table)
    if style is Format.markdown:
        text += "".join(f"\n## {section.heading}\n\n{export.section_to_markdown(section)}" for section in sections)
    return text


def _plain(table: Table, sections: Sequence[Section]) -> str:
    import io

    from rich.console import Console

    from ..report.terminal import render, render_sections

    buffer = io.StringIO()
    console = Console(file=buffer, width=PIPE_WIDTH, highlight=False)
    console.print(render(table, PIPE_WIDTH))
    if sections:
        console.print(render_sections(sections))
    return buffer.getvalue()
