"""`rectifiers table`: the table, from the results there are."""

from __future__ import annotations

import json
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
    from .selection import select

    selection = select(experiment, preset, seeds, settings)
    outcomes = selection.outcomes(results)
    if style is Format.terminal and output is None:
        print(f"{selection.heading}\n")
        print_terminal_table(selection, outcomes)
        return
    if style is Format.jsonl:
        text = to_jsonl(result for _, result in outcomes if result is not None)
    else:
        text = _text(build(selection.experiment, selection.preset, outcomes), style)
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


def _text(table: Table, style: Format) -> str:
    from ..report import export

    if style is Format.terminal:
        return _plain(table)
    if style is Format.json:
        return json.dumps(export.to_dict(table), indent=2, ensure_ascii=False) + "\n"
    writers = {Format.markdown: export.to_markdown, Format.csv: export.to_csv, Format.latex: export.to_latex}
    return writers[style](table)


def _plain(table: Table) -> str:
    import io

    from rich.console import Console

    from ..report.terminal import render

    buffer = io.StringIO()
    Console(file=buffer, width=PIPE_WIDTH, highlight=False).print(render(table, PIPE_WIDTH))
    return buffer.getvalue()
