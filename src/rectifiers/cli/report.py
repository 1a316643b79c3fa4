"""`rectifiers report`: the HTML page, from the results there are."""

from __future__ import annotations

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

if TYPE_CHECKING:
    from ..report.table import Outcomes
    from .selection import Selection


def write_experiment_report(
    experiment: ExperimentArgument,
    preset: PresetOption = None,
    seeds: SeedsOption = None,
    settings: SettingsOption = None,
    results: ResultsOption = RESULTS,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="File to write; beside the runs by default.", show_default=False),
    ] = None,
) -> None:
    """Write the report of an experiment as one HTML page, without running anything."""
    from .selection import select

    selection = select(experiment, preset, seeds, settings)
    outcomes = selection.outcomes(results)
    print(write_report(selection, outcomes, output or report_path(selection, results)))


def write_report(selection: Selection, outcomes: Outcomes, path: Path) -> Path:
    """Write the page of a selection.

    Raises:
        StoreError: it cannot be written.
    """
    from ..report.html import write_report as write

    return write(selection.experiment, selection.preset, outcomes, path, command=selection.command)


def report_path(selection: Selection, results: Path) -> Path:
    """Where the page goes unless the user says otherwise: beside the runs, one per experiment and preset."""
    name = selection.experiment.name.replace("/", "-")
    return results / f"{name}-{selection.preset}.html"
