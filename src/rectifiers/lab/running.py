"""Running what an experiment lacks."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..core.errors import ConfigError
from ..experiments import runner
from ..experiments.counting import LOG
from ..experiments.machine import Workers
from ..experiments.on_ray import NAME as RAY
from ..experiments.on_ray import OnRay
from ..experiments.preflight import check_data, check_names
from ..experiments.store import DamagedError, Store, write_atomically
from ..experiments.together import run_together
from ..experiments.trial import Trial
from ..kernels.library import build_before_workers
from ..training.group import is_started_together
from .log import Log
from .progress import show_progress
from .selecting import Selectable, check_workers, select
from .tables import Failure, Results, failed_to_read
from .tracking import Tracking


def run(
    experiment: Selectable,
    *,
    preset: str | None = None,
    seeds: int | None = None,
    settings: Mapping[str, Any] | None = None,
    workers: Workers = None,
    data_dir: Path | str | None = None,
    results: Path | str | None = None,
    own: Sequence[str] | str = (),
    only: Sequence[str] | str = (),
    download: bool = False,
    track: Sequence[str] | str = (),
    progress: bool = True,
    wait: bool = True,
    time_limit: float | None = None,
    on: str | None = None,
    gpu_share: float = 1.0,
) -> Results:
    """Run what the results folder does not have yet; mistakes are found before the first run.

    What has finished is kept whatever happens later, and the same call continues from there.

    Args:
        experiment: a registered name, the path of a TOML file, an experiment from `lab.experiment`, or a selection.
        preset: name of its size; None takes `pocket`, or the last one where there is none of that name.
        seeds: number of seeds; None takes the preset's.
        settings: fields of a `Trial` that change in all trials, such as `{"epochs": 5}`.
        workers: runs at a time, in processes of their own; None takes as many as there are cores for, and
            `auto` tries 1, 2, 4, … of them while they work, as long as more get more done and there is memory.
        data_dir: folder with the files of data sets; None takes RECTIFIERS_DATA, or `data`.
        results: folder that holds the runs; None takes RECTIFIERS_RESULTS, or `runs`.
        own: what files of yours define, each `FILE.py:NAME`; an activation becomes a row.
        only: labels of the rows or columns to which it is limited; none for all.
        download: fetch data files that are missing.
        track: where else the numbers of new runs go, such as `tensorboard:FOLDER` or `mlflow:URI`.
        progress: show how far it is: a bar in a terminal, a line that changes in a notebook, a line now and then
            elsewhere.
        wait: wait for runs that other runners on the same folder are working on; otherwise end when none is left
            to begin.
        time_limit: seconds after which trainings stop at their next step, with a checkpoint; None for no limit.
        on: where to run instead of this machine: `ray`, the cluster of RAY_ADDRESS or one that is started here; or a
            cluster's address, such as `ray://HOST:10001`.
        gpu_share: how much of a GPU each run takes on a Ray cluster; 0.5 puts two on one.

    Returns:
        The results with their table. Runs that ended in an error are in `failed`, and the next call tries them again;
        so are those whose results, from an earlier call, are damaged, until these are set aside.

    Raises:
        RectifiersError: a name is unknown, data are missing or damaged, or the parts do not fit together.
        KeyboardInterrupt: the user stopped it, or the time limit did; what had finished is kept.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> from rectifiers import lab
        >>> one = lab.experiment(["arelu"], dataset="digits", network="digits-conv", lr=0.1, train_size=64)
        >>> with TemporaryDirectory() as folder:
        ...     found = lab.run(one, seeds=1, workers=1, results=folder, progress=False)
        >>> found.table.missing, len(found.failed)
        (0, 0)
    """
    check_workers(workers)
    if time_limit is not None and not (isinstance(time_limit, (int, float)) and time_limit > 0):
        raise ConfigError(f"time_limit must be a number of seconds above 0, got {time_limit!r}")
    if on is None and gpu_share != 1:
        raise ConfigError(
            f"gpu_share (--gpu-share) says how much of a GPU each run takes on a Ray cluster, got {gpu_share!r} "
            "without one; name the cluster by on (--on), or leave it out"
        )
    place = None if on is None else find_place(on, gpu_share)
    selection = select(
        experiment,
        preset=preset,
        seeds=seeds,
        settings=settings,
        data_dir=data_dir,
        results=results,
        own=own,
        only=only,
    )
    done, starts = selection.done(), selection.starts()
    check_names([*selection.trials, *starts], here=place is None)
    new = [trial for trial in selection.trials if trial not in done]
    check_data([*new, *starts], selection.data_dir, download=download)
    if place is None and any(trial.provider == "cpu" for trial in new):
        build_before_workers()
    store = selection.open_store()
    is_first = not is_started_together() or os.environ.get("RANK") == "0"
    progress = progress and is_first
    tracking = Tracking(track if is_first else (), selection.experiment.folder, store, new)
    with show_progress(len(selection.trials), hidden=not progress) as report:

        def on_progress(progress: runner.Progress) -> None:
            report(progress)
            tracking.update(progress.kept + progress.done)

        log = Log(selection.folder / LOG, hidden=not progress)
        if is_started_together():
            ended = run_together(
                selection.cells,
                store,
                data_dir=selection.data_dir,
                on_progress=on_progress,
                on_event=log if is_first else lambda text, urgent: None,
                patient=wait,
                time_limit=math.inf if time_limit is None else time_limit,
            )
        else:
            ended = runner.run(
                selection.cells,
                store,
                workers=workers,
                data_dir=selection.data_dir,
                on_progress=on_progress,
                on_event=log,
                place=place,
                patient=wait,
                time_limit=math.inf if time_limit is None else time_limit,
            )
    for trial in selection.done() if is_first else ():
        _story(store, trial).unlink(missing_ok=True)
    failed = {trial: _write_story(store, trial, story) for trial, story in ended.failed.items()}
    damaged: dict[Trial, DamagedError] = {}
    outcomes = store.outcomes(selection.cells, damaged)
    return Results(selection, outcomes, {**failed, **failed_to_read(damaged)})


def find_place(on: str, gpu_share: float) -> OnRay:
    """Where trials are to run.

    Args:
        on: what the user named.
        gpu_share: of a GPU, for each trial on one.

    Raises:
        ConfigError: it is no such place, or not a valid share.

    Example:
        >>> find_place("ray://head:10001", 0.5)
        OnRay(address='ray://head:10001', gpu_share=0.5)
    """
    if on != RAY and not on.startswith(f"{RAY}://"):
        raise ConfigError(
            f"on (--on) must be {RAY!r} or the address of a cluster, such as ray://HOST:10001, got {on!r}"
        )
    known = isinstance(gpu_share, (int, float)) and math.isfinite(gpu_share)
    if not known or not (0 < gpu_share <= 1 or (gpu_share > 1 and gpu_share == int(gpu_share))):
        raise ConfigError(f"gpu_share must be a part of one GPU, or a whole number of them, got {gpu_share!r}")
    return OnRay("" if on == RAY else on, gpu_share)


def _write_story(store: Store, trial: Trial, story: str) -> Failure:
    """Keep why a run failed beside where its result would be."""
    path = _story(store, trial)
    write_atomically(path, f"{trial}\n\n{story.rstrip()}\n")
    return Failure(story.rstrip().splitlines()[-1], path)


def _story(store: Store, trial: Trial) -> Path:
    return store.path(trial).with_name("error.txt")
