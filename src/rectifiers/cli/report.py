"""`rectifiers report`: the HTML page, from the results there are."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .options import (
    DATA,
    RESULTS,
    DataOption,
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


def write_experiment_report(
    experiment: ExperimentArgument,
    preset: PresetOption = None,
    seeds: SeedsOption = None,
    settings: SettingsOption = None,
    kernels: KernelsOption = None,
    own: OwnOption = None,
    only: OnlyOption = None,
    data_dir: DataOption = DATA,
    results: ResultsOption = RESULTS,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="File to write; beside the runs by default.", show_default=False),
    ] = None,
) -> None:
    """Write the report of an experiment as one HTML page without running anything."""
    from .. import lab

    written = lab.report(
        experiment,
        preset=preset,
        seeds=seeds,
        settings=read_settings(settings, kernels),
        data_dir=data_dir,
        results=results,
        own=own or (),
        only=only or (),
        output=output,
    )
    if str(written) != "/dev/stdout":  # there stands the page itself
        print(written)
