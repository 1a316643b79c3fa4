"""`rectifiers report`: the HTML page, from the results there are."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .options import (
    DATA,
    RESULTS,
    DataOption,
    ExperimentArgument,
    PresetOption,
    ResultsOption,
    SeedsOption,
    SettingsOption,
)

if TYPE_CHECKING:
    from ..report.analyses.section import Section
    from ..report.table import Outcomes
    from .selection import Selection


def write_experiment_report(
    experiment: ExperimentArgument,
    preset: PresetOption = None,
    seeds: SeedsOption = None,
    settings: SettingsOption = None,
    data_dir: DataOption = DATA,
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
    path = output or report_path(selection, results)
    write_report(selection, outcomes, path, results, data_dir)
    print(path)


def write_report(
    selection: Selection, outcomes: Outcomes, path: Path, results: Path, data_dir: Path
) -> Sequence[Section]:
    """Write the page of a selection, and beside it the numbers of its analysis.

    Returns:
        What the analysis found.

    Raises:
        DataError: the analysis needs data that are missing.
        StoreError: something cannot be written.
    """
    from ..report.analyses.analyse import analyse
    from ..report.analyses.section import write_sections
    from ..report.html import write_report as write

    sections = analyse(
        selection.experiment,
        selection.preset,
        outcomes,
        selection.weights(results),
        data_dir.expanduser().resolve(),
    )
    if sections:
        write_sections(analysis_path(path), sections, [trial.id for trial in selection.done(results)])
    write(selection.experiment, selection.preset, outcomes, path, command=selection.command, sections=sections)
    return sections


def kept_sections(selection: Selection, results: Path) -> Sequence[Section]:
    """What the analysis found when the report was written last; where that was of other trainings, how to make it."""
    from ..report.analyses.section import INSIDE, Section, read_sections

    if not selection.experiment.analysis:
        return []
    done = [trial.id for trial in selection.done(results)]
    kept = read_sections(analysis_path(report_path(selection, results)), done)
    if kept is not None:
        return kept
    return [Section(INSIDE, f"`{selection.command.replace(' run ', ' report ', 1)}` looks into the trained networks.")]


def report_path(selection: Selection, results: Path) -> Path:
    """Where the page goes unless the user says otherwise: beside the runs, one per experiment and preset."""
    name = selection.experiment.name.replace("/", "-")
    return results / f"{name}-{selection.preset}.html"


def analysis_path(report: Path) -> Path:
    """Where the numbers of the analysis go: beside the page."""
    return report.with_suffix(".analysis.json")
