"""`rectifiers run`: run what was not run yet, then show what came out."""

from __future__ import annotations

import logging
import shlex
import signal
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from ..core.wording import plural
from .options import (
    DATA,
    RESULTS,
    DataOption,
    ExperimentArgument,
    KernelsOption,
    OwnOption,
    PresetOption,
    ResultsOption,
    SeedsOption,
    SettingsOption,
    WorkersOption,
    read_settings,
)

if TYPE_CHECKING:
    from ..lab import Results


def run_experiment(
    experiment: ExperimentArgument,
    preset: PresetOption = None,
    seeds: SeedsOption = None,
    settings: SettingsOption = None,
    kernels: KernelsOption = None,
    own: OwnOption = None,
    workers: WorkersOption = None,
    data_dir: DataOption = DATA,
    results: ResultsOption = RESULTS,
    download: Annotated[bool, typer.Option("--download", help="Fetch data files that are missing.")] = False,
    track: Annotated[
        list[str] | None,
        typer.Option(
            "--track",
            metavar="NAME:PLACE",
            help="Where the numbers of new runs go besides: tensorboard:FOLDER or mlflow:URI; may be repeated.",
            show_default=False,
        ),
    ] = None,
    no_report: Annotated[bool, typer.Option("--no-report", help="Write no HTML page at the end.")] = False,
) -> None:
    """Run an experiment; runs that the results folder already has are not made again.

    Ctrl-C keeps what has finished, and the same command continues from there.
    """
    from .. import lab
    from ..lab.progress import say
    from .table import print_results, print_sections

    selection = lab.open(
        experiment,
        preset=preset,
        seeds=seeds,
        settings=read_settings(settings, kernels),
        data_dir=data_dir,
        results=results,
        own=own or (),
    )
    runs = plural(len(selection.trials), "run")
    done = f"{len(selection.done())} done before, in {selection.folder}"
    say(f"{selection.heading}\n{runs}, {done}; kernels: {selection.kernels}")
    if download:
        logging.basicConfig(level=logging.INFO, format="%(message)s")
    try:
        found = lab.run(selection, workers=workers, download=download, track=track or ())
    except KeyboardInterrupt as error:
        kept = f"{len(selection.done())} of {runs}"
        say(f"stopped: {kept} are kept in {selection.folder}; continue with\n  {_this_command()}")
        raise typer.Exit(128 + getattr(error, "signal", signal.SIGINT)) from None
    print_results(found)
    if not no_report:
        report = lab.report(selection)
        print_sections(report.sections)
        print(f"\nReport: {report}")
    if found.failed:
        _tell_failures(found)
        raise typer.Exit(1)


def _tell_failures(found: Results) -> None:
    """Say which runs failed and why."""
    from ..lab.progress import say

    for trial, failure in found.failed.items():
        say(f"failed: {trial}\n  {failure.reason}\n  the whole error: {failure.path}")
    total = plural(len(found.selection.trials), "run")
    say(f"{len(found.failed)} of {total} failed; try again with\n  {_this_command()}")


def _this_command() -> str:
    return shlex.join(["rectifiers", *sys.argv[1:]])
