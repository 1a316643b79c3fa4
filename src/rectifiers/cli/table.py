"""`rectifiers table`: the table, from the results there are."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..core.errors import ConfigError
from .options import (
    RESULTS,
    ExperimentArgument,
    KernelsOption,
    OnlyOption,
    OwnOption,
    PresetOption,
    ResultsOption,
    SeedsOption,
    SettingsOption,
    read_settings,
)
from .output import width

if TYPE_CHECKING:
    from ..lab import Results
    from ..report.analyses.section import Section


class Format(str, Enum):
    """How the table is written."""

    terminal = "terminal"
    markdown = "markdown"
    csv = "csv"
    latex = "latex"
    json = "json"
    jsonl = "jsonl"
    sentence = "sentence"


def print_table(
    experiment: ExperimentArgument,
    preset: PresetOption = None,
    seeds: SeedsOption = None,
    settings: SettingsOption = None,
    kernels: KernelsOption = None,
    own: OwnOption = None,
    only: OnlyOption = None,
    results: ResultsOption = RESULTS,
    style: Annotated[Format, typer.Option("--format", "-f", help="Form of the table.")] = Format.terminal,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="File to write instead of printing.", show_default=False)
    ] = None,
    plot: Annotated[
        Path | None,
        typer.Option(
            "--plot",
            help="Also draw it, as wide as a column of a paper, into a .pdf, .svg or .png file.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Print the table of an experiment without running anything; cells that were not run say so.

    Damaged results are left out and named, and the exit code is 1.
    """
    from .. import lab

    found = lab.table(
        experiment,
        preset=preset,
        seeds=seeds,
        settings=read_settings(settings, kernels),
        results=results,
        own=own or (),
        only=only or (),
    )
    if plot is not None:
        found.plot(plot)
    if style is Format.terminal and output is None:
        print(f"{found.selection.heading}\n")
        print_results(found)
        print_sections(found.sections)
    else:
        _write(found, style, output)
    if found.failed:
        tell_failures(found)
        raise typer.Exit(1)


def _write(found: Results, style: Format, output: Path | None) -> None:
    from ..core.files import write_file

    writers = {
        Format.terminal: found.to_text,
        Format.markdown: found.to_markdown,
        Format.csv: found.to_csv,
        Format.latex: found.to_latex,
        Format.json: found.to_json,
        Format.jsonl: found.to_jsonl,
        Format.sentence: lambda: _sentence(found),
    }
    text = writers[style]()
    if output is None:
        print(text, end="")
    else:
        write_file(output, text)


def _sentence(found: Results) -> str:
    sentence = found.to_sentence()
    if not sentence:
        raise ConfigError(f"there is nothing to compare yet; {found.selection.command('run')} makes the runs")
    return f"{sentence}\n"


def print_results(results: Results) -> None:
    """Print a table with colours, as wide as the terminal."""
    from rich.console import Console

    from ..report.terminal import render

    columns = width()
    Console(width=columns, highlight=False).print(render(results.table, columns))


def print_sections(sections: Sequence[Section]) -> None:
    """Print what an analysis found, as wide as the terminal."""
    from rich.console import Console

    from ..report.terminal import render_sections

    if sections:
        Console(width=width(), highlight=False).print(render_sections(sections, width()))


def tell_failures(results: Results) -> None:
    """Say which runs failed, or have damaged results, and why."""
    from ..lab.progress import say

    for trial, failure in results.failed.items():
        more = "" if str(failure.path) in failure.reason else f"\n  the whole error: {failure.path}"
        say(f"failed: {trial}\n  {failure.reason}{more}")
