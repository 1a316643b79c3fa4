"""Slurm: an array of jobs, each of them a runner on the same folder, between which leases divide the runs.

Slurm warns a job before its time limit; trainings then save a checkpoint, and the job is started again and continues
from there. After a preemption or a broken node, Slurm starts it again by itself.
"""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..core.errors import ConfigError, StoreError
from ..core.files import write_file
from ..core.wording import duration, is_printable_line, plural
from ..experiments.machine import Workers
from ..experiments.preflight import check_names
from .selecting import Selectable, Selection, check_workers, select

TASKS = 4
"""Jobs of an array where the user names no number."""
WARNING = 120
"""Seconds before its time limit at which a job is warned: trainings stop at their next step."""
WARNED = 128 + 10
"""How a runner ends that was warned, by SIGUSR1."""
SHORTEST = 300
"""Seconds that a job lasts at least: the warning may come a minute early, and one that is warned while it starts would
begin anew for ever."""
TIME_TO_SUBMIT = 60
"""Seconds after which `sbatch` is taken not to answer."""

OURS = ("array", "chdir", "export", "open-mode", "requeue", "signal", "no-requeue", "ntasks", "wrap")
"""Options of `sbatch` that the script sets, or that would undo what it does."""
NAMES = {"cpus": "cpus-per-task", "gpus": "gpus-per-task", "memory": "mem"}
"""Short names of options."""

_OPTION = re.compile("[a-z][a-z0-9-]*")
_TIME = re.compile(r"(?:(?P<days>\d+)-)?(?P<numbers>\d+(?::\d+){0,2})")


@dataclass(frozen=True)
class SlurmScript:
    """A script for `sbatch`.

    Args:
        path: where it is.
        tasks: how many runners it starts.
        job: number of the job, if it was submitted.
    """

    path: Path
    tasks: int
    job: str | None = None

    def __str__(self) -> str:
        if self.job is None:
            return f"{self.path}: {plural(self.tasks, 'runner')}; submit it with\n  {shlex.join(self.command)}"
        return f"submitted as job {self.job}: {plural(self.tasks, 'runner')}, by {self.path}"

    @property
    def command(self) -> list[str]:
        """What submits it."""
        return ["sbatch", str(self.path)]


def write_slurm_script(
    experiment: Selectable,
    options: Mapping[str, str] | None = None,
    *,
    preset: str | None = None,
    seeds: int | None = None,
    settings: Mapping[str, Any] | None = None,
    workers: Workers = None,
    data_dir: Path | str | None = None,
    results: Path | str | None = None,
    own: Sequence[str] = (),
    only: Sequence[str] = (),
    submit: bool = False,
) -> SlurmScript:
    """Write a script beside the runs that carries out an experiment on a cluster with Slurm.

    Args:
        experiment: a registered name, the path of a TOML file, or a selection of one of these.
        options: `tasks`, the number of jobs, 4 by default; `time`, `cpus`, `gpus` and `memory` of each; and any other
            long option of `sbatch`, such as `partition` or `account`.
        preset: as for `lab.run`, like those that follow.
        seeds: how many.
        settings: fields of a `Trial` that change.
        workers: runs at a time in each job; None takes as many as the job has cores for, which is one unless `cpus`
            says more; `auto` as for `lab.run`.
        data_dir: folder with the files of data sets, which all nodes have to see.
        results: folder that holds the runs, which all nodes have to see.
        own: what files of yours define.
        only: labels of the rows or columns to which it is limited; none for all.
        submit: hand it to `sbatch`.

    Raises:
        ConfigError: an option is not one of `sbatch`, or one that the script sets; or `sbatch` refuses.
        StoreError: the folder cannot be written.
        RectifiersError: a name is unknown.
    """
    check_workers(workers)
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
    if not selection.arguments:
        raise ConfigError(
            "an experiment that was built in Python cannot be named on a command line; write it into a TOML file"
        )
    check_names([*selection.trials, *selection.starts()], here=False)
    left = len(selection.trials) - len(selection.done())
    if not left:
        raise ConfigError(f"all {plural(len(selection.trials), 'run')} in {selection.folder} have finished")
    found = _read_options(options or {})
    tasks = min(_count(found.pop("tasks", str(TASKS))), left)
    at_once = workers if isinstance(workers, int) else 1
    found.setdefault("cpus-per-task", str(at_once * max(trial.threads for trial in selection.trials)))
    selection.open_store()
    path = selection.folder.absolute() / "slurm.sh"
    try:
        write_file(path, _script(selection, found, tasks, workers))
    except ConfigError as error:
        raise StoreError(str(error)) from None
    return SlurmScript(path, tasks, _submit(path) if submit else None)


def _read_options(options: Mapping[str, str]) -> dict[str, str]:
    """The options by their names in `sbatch`.

    Raises:
        ConfigError: a name is none, or one of those that the script sets.
    """
    found = {}
    for name, value in options.items():
        if not _OPTION.fullmatch(name) or not is_printable_line(value):
            raise ConfigError(f"slurm: expected a long option of sbatch, such as partition=long, got {name}={value!r}")
        if name in OURS:
            raise ConfigError(f"slurm: {name} is set by the script; leave it out")
        if not value and name in ("time", *NAMES):
            raise ConfigError(f"slurm: {name} has no value; give one, or leave it out")
        found[NAMES.get(name, name)] = value
    seconds = _read_time(found.get("time", ""))
    if seconds is not None and 0 < seconds < SHORTEST:
        raise ConfigError(
            f"slurm: time must be at least {plural(SHORTEST // 60, 'minute')}, got {found['time']}, which is "
            f"{duration(seconds)}: jobs are warned {plural(WARNING // 60, 'minute')} before their limit, and begin anew"
        )
    return found


def _read_time(text: str) -> int | None:
    """Seconds of a time as Slurm writes it; None where it is none, or means no limit.

    Minutes, or hours behind a dash, stand alone: `90`, `1:30:00`, `2-12`.
    """
    found = _TIME.fullmatch(text)
    if found is None:
        return None
    numbers = [int(number) for number in found["numbers"].split(":")]
    if found["days"] is not None:
        numbers += [0] * (3 - len(numbers))
    elif len(numbers) < 3:
        numbers = [0, *numbers, 0][:3]
    hours, minutes, seconds = numbers
    return ((int(found["days"] or 0) * 24 + hours) * 60 + minutes) * 60 + seconds


def _count(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise ConfigError(f"slurm: tasks must be a whole number and at least 1, got {text!r}")
    return int(text)


def _script(selection: Selection, options: Mapping[str, str], tasks: int, workers: Workers) -> str:
    folder = selection.folder.absolute()
    given = {
        "job-name": f"rectifiers-{selection.experiment.folder}",
        # A percent sign of the folder's own stands for no number.
        "output": str(folder).replace("%", "%%") + "/slurm-%A-%a.txt",
        **options,
        "chdir": str(Path.cwd()),
        "array": f"1-{tasks}",
        "open-mode": "append",
        "signal": f"USR1@{WARNING}",
    }
    command = [sys.executable, "-m", "rectifiers", "run", *selection.arguments]
    command += ["--results", str(selection.results.absolute()), "--data-dir", str(selection.data_dir.absolute())]
    command += [] if workers is None else ["--workers", str(workers)]
    command += ["--no-wait", "--no-report"]
    directives = [f"#SBATCH --{name}{f'={_quote(value)}' if value else ''}" for name, value in given.items()]
    return "\n".join(
        [
            "#!/bin/bash",
            *directives,
            "#SBATCH --requeue",
            "",
            "# Each task is a runner on the same folder, and leases divide the runs among them. A runner that is",
            f"# warned of its time limit keeps checkpoints and ends with {WARNED}; its task then begins anew.",
            f'srun --cpus-per-task="$SLURM_CPUS_PER_TASK" {shlex.join(command)}',
            "code=$?",
            f'if [ "$code" = {WARNED} ]; then',
            # The number of one task's job may be that of the whole array.
            '    exec scontrol requeue "${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID"',
            "fi",
            'exit "$code"',
            "",
        ]
    )


def _quote(value: str) -> str:
    """A value of a directive, where `sbatch` splits at blanks, takes quotes and backslashes off, and stops at a #."""
    return '"' + re.sub(r'(["\\])', r"\\\1", value) + '"' if re.search(r"[\s\"'\\#]", value) else value


def _submit(path: Path) -> str:
    """Hand a script to `sbatch`; the number of its job.

    Raises:
        ConfigError: there is no `sbatch`, or it refuses.
    """
    program = shutil.which("sbatch")
    if program is None:
        raise ConfigError(f"there is no sbatch on this machine; the script is in {path}: submit it where there is one")
    try:
        done = subprocess.run(
            [program, "--parsable", str(path)],
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            timeout=TIME_TO_SUBMIT,
        )
    except subprocess.TimeoutExpired:
        raise ConfigError(f"sbatch did not answer within {TIME_TO_SUBMIT} s; the script is in {path}") from None
    if done.returncode:
        raise ConfigError(f"sbatch refused {path}: {' '.join(done.stderr.split())}; correct --slurm and try again")
    job = done.stdout.strip().partition(";")[0]
    if not job.isdecimal():
        raise ConfigError(f"sbatch gave {path} no job number, but {job!r}; correct --slurm and try again")
    return job
