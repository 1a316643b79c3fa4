"""`rectifiers run`: train what is not trained yet, then show what came out."""

from __future__ import annotations

import logging
import shlex
import sys
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
    WorkersOption,
)

if TYPE_CHECKING:
    from pathlib import Path

    from ..experiments.runner import Progress
    from ..experiments.store import Store
    from ..experiments.trial import Trial


def run_experiment(
    experiment: ExperimentArgument,
    preset: PresetOption = None,
    seeds: SeedsOption = None,
    settings: SettingsOption = None,
    workers: WorkersOption = None,
    data_dir: DataOption = DATA,
    results: ResultsOption = RESULTS,
    download: Annotated[bool, typer.Option("--download", help="Fetch data files that are missing.")] = False,
    no_report: Annotated[bool, typer.Option("--no-report", help="Write no HTML page at the end.")] = False,
) -> None:
    """Run an experiment; what the results folder has already is not run again.

    Ctrl-C keeps what has finished, and the same command goes on from there.
    """
    from ..experiments import runner
    from .preflight import check_data, check_names
    from .progress import shown
    from .report import report_path, write_report
    from .selection import select
    from .table import print_sections, print_terminal_table

    selection = select(experiment, preset, seeds, settings)
    trials, folder = selection.trials, results / selection.experiment.folder
    done, starts = selection.done(results), selection.starts(results)
    check_names([*trials, *starts])
    _say(f"{selection.heading}\n{len(trials)} trainings, {len(done)} done before, in {folder}")
    if download:
        logging.basicConfig(level=logging.INFO, format="%(message)s")
    try:
        to_do = [trial for trial in trials if trial not in done]
        check_data([*to_do, *starts], data_dir, download=download)
        store = selection.store(results)
        with shown(len(trials)) as report:
            progress = runner.run(
                selection.cells,
                store,
                workers=workers,
                data_dir=data_dir.expanduser().resolve(),
                on_progress=report,
            )
    except KeyboardInterrupt:
        kept = len(selection.done(results))
        _say(f"stopped: {kept} of {len(trials)} trainings are kept in {folder}; go on with\n  {_this_command()}")
        raise typer.Exit(130) from None
    outcomes = store.outcomes(selection.cells)
    print_terminal_table(selection, outcomes)
    if not no_report:
        path = report_path(selection, results)
        print_sections(write_report(selection, outcomes, path, results, data_dir))
        print(f"\nReport: {path}")
    for trial in selection.done(results):
        _story(store, trial).unlink(missing_ok=True)
    _tell_failures(progress, store)
    if progress.failed:
        raise typer.Exit(1)


def _tell_failures(progress: Progress, store: Store) -> None:
    """Say which trainings failed and why, and keep the whole story beside where the result would be."""
    from ..experiments.store import write_atomically

    for trial, story in progress.failed.items():
        path = _story(store, trial)
        write_atomically(path, f"{trial}\n\n{story.rstrip()}\n")
        _say(f"failed: {trial}\n  {story.rstrip().splitlines()[-1]}\n  all of it: {path}")
    if progress.failed:
        _say(f"{len(progress.failed)} of {progress.total} trainings failed; try them again with\n  {_this_command()}")


def _story(store: Store, trial: Trial) -> Path:
    """Where it is told why a training failed."""
    return store.path(trial).with_name("error.txt")


def _this_command() -> str:
    return shlex.join(["rectifiers", *sys.argv[1:]])


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()
