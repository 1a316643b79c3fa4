"""A real Slurm of one node, started by the tests where its programs are installed, carries out our scripts.

On Debian: `apt-get install slurmctld slurmd slurm-client munge`.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
import socket
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from getpass import getuser
from pathlib import Path
from typing import Any

import pytest

from rectifiers import lab
from rectifiers.core.errors import ConfigError
from rectifiers.experiments.counting import LOG
from rectifiers.report.table import Table

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "scontrol", "scancel", "squeue")
PLACES = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"])
MISSING = [name for name in PROGRAMS if shutil.which(name, path=PLACES) is None]

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(bool(MISSING), reason=f"these programs of Slurm are not installed: {', '.join(MISSING)}"),
]

CONFIGURATION = """
ClusterName=one
SlurmctldHost={host}(127.0.0.1)
SlurmUser={user}
SlurmdUser={user}
SlurmctldPort={controller}
SlurmdPort={node}
AuthType=auth/munge
# What a requeued job waits for, two minutes otherwise.
AuthInfo=socket={folder}/munge.socket,cred_expire=5
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
ReturnToService=2
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
NodeName={host} NodeAddr=127.0.0.1 CPUs=2 RealMemory=1000 State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""

TINY: dict[str, Any] = {"preset": "smoke", "settings": {"train_size": 64, "epochs": 1}}


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def wait_until(condition: Callable[[], object], seconds: float = 240, say: Callable[[], str] = lambda: "") -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, say()
        time.sleep(0.2)


def ask(*command: str) -> str:
    """What one of Slurm's programs says."""
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    return done.stdout.strip()


@pytest.fixture(scope="module")
def configuration(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A Slurm of this machine as its only node, with two processors that it does not hold jobs to."""
    folder = tmp_path_factory.mktemp("slurm")
    for name in ("state", "spool"):
        (folder / name).mkdir()
    (folder / "munge.key").write_bytes(secrets.token_bytes(128))
    (folder / "munge.key").chmod(0o400)
    path = folder / "slurm.conf"
    words = {"folder": folder, "host": socket.gethostname().partition(".")[0], "user": getuser()}
    path.write_text(CONFIGURATION.format(**words, controller=free_port(), node=free_port()).lstrip())
    files = {"socket": "munge.socket", "key-file": "munge.key", "pid-file": "munged.pid"}
    files |= {"log-file": "munged.log", "seed-file": "munged.seed"}
    options = [f"--{name}={folder / file}" for name, file in files.items()]
    with ExitStack() as stack, pytest.MonkeyPatch.context() as patch:
        patch.setenv("SLURM_CONF", str(path))
        patch.setenv("PATH", PLACES)

        def start(*command: str) -> None:
            log = stack.enter_context((folder / f"{command[0]}.out").open("wb"))
            daemon = subprocess.Popen(command, stdout=log, stderr=log)
            stack.callback(daemon.wait, 60)
            stack.callback(daemon.terminate)

        def say() -> str:
            return "\n".join(path.read_text(errors="replace") for path in sorted(folder.glob("*.out")))

        # Our own folder below a temporary one is as safe as that.
        start("munged", "--foreground", "--force", *options)
        wait_until((folder / "munge.socket").exists, 30, say)
        start("slurmctld", "-D", "-f", str(path))
        start("slurmd", "-D", "-f", str(path))
        wait_until(lambda: "idle" in subprocess.run(["sinfo"], capture_output=True, text=True).stdout, 60, say)
        yield path
        ask("scancel", f"--user={getuser()}")
        wait_until(lambda: not ask("squeue", "--noheader"), 60)


@pytest.fixture
def home(configuration: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to submit from, to that Slurm."""
    monkeypatch.setenv("SLURM_CONF", str(configuration))
    monkeypatch.setenv("PATH", PLACES)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def runs_of(job: str | None, state: str = "") -> str:
    """The lines of the queue on a job's tasks, in a state or in any."""
    return ask("squeue", "--noheader", f"--jobs={job}", *([f"--states={state}"] if state else []))


def timeless(table: Table) -> Table:
    """A table without how long its runs took."""
    return replace(table, cells={place: replace(cell, seconds=0.0) for place, cell in table.cells.items()})


def test_the_tasks_of_an_array_divide_the_runs_within_their_processors(home: Path) -> None:
    here = lab.run("quickstart", results=home / "local", workers=1, progress=False, **TINY)
    found = lab.write_slurm_script("quickstart", {"tasks": "2", "time": "10"}, submit=True, **TINY)
    wait_until(lambda: not runs_of(found.job), say=lambda: runs_of(found.job))
    there = lab.table("quickstart", **TINY)
    assert timeless(there.table) == timeless(here.table)
    lines = (found.path.parent / LOG).read_text().splitlines()
    begins = [line.split()[1:3] for line in lines if " begins: " in line]
    assert set(Counter(trial for _, trial in begins).values()) == {1}
    # A task has one processor: it begins no trial before its last one has ended.
    at_once: Counter[str] = Counter()
    for line in lines:
        runner = line.split()[1]
        at_once[runner] += (" begins: " in line) - (" ended after " in line)
        assert at_once[runner] <= 1


def test_a_requeued_a_warned_and_a_cancelled_job_keep_checkpoints(home: Path) -> None:
    long = {"train_size": 64, "epochs": 10**6}
    found = lab.write_slurm_script("quickstart", {"tasks": "1"}, preset="smoke", settings=long, workers=1, submit=True)
    log = found.path.parent / LOG
    known = 0

    def epochs() -> list[int]:
        text = log.read_text() if log.exists() else ""
        return [int(number) for number in re.findall(r" epoch (\d+) of ", text)]

    def go_on() -> bool:
        """Whether something of it was trained since the last look."""
        nonlocal known
        more = len(epochs()) > known + 1
        known = len(epochs()) if more else known
        return more

    task = f"{found.job}_1"
    wait_until(go_on, say=lambda: runs_of(found.job))
    for command in (["scontrol", "requeue", task], ["scancel", "--signal=USR1", task]):
        ask(*command)
        wait_until(lambda: runs_of(found.job, "PENDING"), say=lambda: runs_of(found.job))
        assert list(found.path.parent.glob("*/checkpoints/*.json"))
        known = len(epochs())
        wait_until(go_on, say=lambda: runs_of(found.job))
    # No epoch was trained twice, and one trial alone was begun, once in each life of the job.
    assert epochs() == sorted(set(epochs()))
    begins = re.findall(r" (\w{16}) begins: ", log.read_text())
    assert len(begins) == 3
    assert len(set(begins)) == 1
    ask("scancel", task)
    wait_until(lambda: not runs_of(found.job), 60)
    assert "stopping: workers end at their next step" in log.read_text().splitlines()[-1]
    assert list(found.path.parent.glob("*/checkpoints/*.json"))
    assert not list(found.path.parent.glob(".leases/*"))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"partition": "nowhere"}, "invalid partition specified: nowhere"),
        ({"gpus": "1"}, "Invalid generic resource"),
        ({"memory": "900G"}, "Memory specification can not be satisfied"),
        ({"no-such-option": "1"}, "unrecognized option '--no-such-option=1'"),
        ({"test-only": ""}, "no job number"),
    ],
)
def test_what_slurm_refuses(home: Path, options: dict[str, str], words: str) -> None:
    with pytest.raises(ConfigError, match=f"{words}.*; correct --slurm and try again"):
        lab.write_slurm_script("quickstart", options, submit=True, **TINY)
    assert not ask("squeue", "--noheader")
