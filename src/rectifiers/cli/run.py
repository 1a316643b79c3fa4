"""`rectifiers run`: run what was not run yet, then show what came out."""

from __future__ import annotations

import logging
import os
import shlex
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from ..core.errors import ConfigError
from ..core.wording import plural
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
    WorkersOption,
    read_settings,
    read_time,
    split_texts,
)


def run_experiment(
    experiment: ExperimentArgument,
    preset: PresetOption = None,
    seeds: SeedsOption = None,
    settings: SettingsOption = None,
    kernels: KernelsOption = None,
    own: OwnOption = None,
    only: OnlyOption = None,
    workers: WorkersOption = None,
    data_dir: DataOption = DATA,
    results: ResultsOption = RESULTS,
    download: Annotated[bool, typer.Option("--download", help="Fetch data files that are missing.")] = False,
    track: Annotated[
        list[str] | None,
        typer.Option(
            "--track",
            metavar="NAME:PLACE",
            help="Send the numbers of new runs there too: tensorboard:FOLDER or mlflow:URI. May be repeated.",
            show_default=False,
        ),
    ] = None,
    no_report: Annotated[bool, typer.Option("--no-report", help="Write no HTML page at the end.")] = False,
    no_wait: Annotated[
        bool, typer.Option("--no-wait", help="Do not wait for runs that other processes on the same folder are doing.")
    ] = False,
    time_limit: Annotated[
        float | None,
        typer.Option(
            "--time-limit",
            metavar="TIME",
            help="Stop after this long, such as 90m or 4h; the same command continues from checkpoints.",
            parser=str,
            callback=read_time,
            show_default=False,
        ),
    ] = None,
    on: Annotated[
        str | None,
        typer.Option(
            "--on",
            metavar="CLUSTER",
            help="Run on a Ray cluster: ray (the one that RAY_ADDRESS names, or one started here) or ray://HOST:PORT.",
            show_default=False,
        ),
    ] = None,
    gpu_share: Annotated[
        float, typer.Option("--gpu-share", help="With --on: how much of a GPU each run takes; 0.5 puts two on one.")
    ] = 1.0,
    slurm: Annotated[
        list[str] | None,
        typer.Option(
            "--slurm",
            metavar="KEY=VALUE",
            help="Run nothing here, but write a script for Slurm's sbatch: tasks, time, cpus, gpus, memory, or any "
            "long option of sbatch, such as partition=long; may be repeated.",
            show_default=False,
        ),
    ] = None,
    submit: Annotated[bool, typer.Option("--submit", help="With --slurm: also submit the script.")] = False,
) -> None:
    """Run an experiment. Runs that are in the results folder already are not repeated.

    Ctrl-C keeps what has finished, and the same command continues from there.
    """
    if slurm or submit:
        _refuse_with_slurm(
            {
                "--download": download,
                "--track": track,
                "--time-limit": time_limit,
                "--on": on,
                "--gpu-share": gpu_share != 1,
            }
        )
        _write_slurm_script(
            experiment,
            preset,
            seeds,
            read_settings(settings, kernels),
            workers,
            data_dir,
            results,
            own,
            only,
            slurm,
            submit,
        )
        return
    from .. import lab
    from ..lab.progress import say
    from .table import print_results, print_sections, tell_failures

    if os.environ.get("TORCHELASTIC_RUN_ID") and os.environ.get("RANK", "0") != "0":
        # Of the processes that torchrun starts, one talks.
        no_report, sys.stdout = True, open(os.devnull, "w")  # noqa: SIM115, PTH123 - until the end
        sys.stderr = sys.stdout
    selection = lab.open(
        experiment,
        preset=preset,
        seeds=seeds,
        settings=read_settings(settings, kernels),
        data_dir=data_dir,
        results=results,
        own=own or (),
        only=only or (),
    )
    runs, done = plural(len(selection.trials), "run"), selection.done()
    say(f"{selection.heading}\n{runs}, {len(done)} done before, in {selection.folder}; kernels: {selection.kernels}")
    if download:
        logging.basicConfig(level=logging.INFO, format="%(message)s")
    is_done = len(done) == len(selection.trials) and on is None and gpu_share == 1 and not track
    try:
        # Reading results takes no PyTorch, which takes seconds to load.
        found = (
            lab.table(selection)
            if is_done
            else lab.run(
                selection,
                workers=workers,
                download=download,
                track=track or (),
                wait=not no_wait,
                time_limit=time_limit,
                on=on,
                gpu_share=gpu_share,
            )
        )
    except KeyboardInterrupt as error:
        kept = f"{len(selection.done())} of {runs}"
        say(f"stopped: {kept} are kept in {selection.folder}; continue with\n  {_this_command()}")
        raise typer.Exit(getattr(error, "code", 128 + signal.SIGINT)) from None
    print_results(found)
    if not no_report:
        report = lab.report(selection)
        print_sections(report.sections)
        print(f"\nReport: {report}")
    if found.failed:
        tell_failures(found)
        total = plural(len(found.selection.trials), "run")
        say(f"{len(found.failed)} of {total} failed; try again with\n  {_this_command()}")
        raise typer.Exit(1)
    if not no_wait and (missing := len(selection.trials) - len(selection.done())):
        say(
            f"{missing} of {runs} missing, though all ended: {selection.folder} was moved or emptied meanwhile; put it "
            f"back, or run them again with\n  {_this_command()}"
        )
        raise typer.Exit(1)


def _refuse_with_slurm(given: Mapping[str, Any]) -> None:
    """Refuse the options that would not get into the script."""
    for option, value in given.items():
        if value:
            raise ConfigError(f"{option} is not for --slurm, which runs nothing here; leave one of the two out")


def _write_slurm_script(
    experiment: str,
    preset: str | None,
    seeds: int | None,
    settings: Mapping[str, Any],
    workers: Any,
    data_dir: Path,
    results: Path,
    own: Sequence[str] | None,
    only: Sequence[str] | None,
    options: Sequence[str] | None,
    submit: bool,
) -> None:
    from .. import lab

    written = lab.write_slurm_script(
        experiment,
        split_texts("--slurm", options, "time=4:00:00"),
        preset=preset,
        seeds=seeds,
        settings=settings,
        workers=workers,
        data_dir=data_dir,
        results=results,
        own=own or (),
        only=only or (),
        submit=submit,
    )
    print(written)


def _this_command() -> str:
    return shlex.join(["rectifiers", *sys.argv[1:]])
