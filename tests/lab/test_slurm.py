"""Scripts for Slurm, handed to a stand-in for `sbatch`; `test_real_slurm.py` hands them to a real one."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rectifiers import lab
from rectifiers.core.errors import ConfigError
from rectifiers.experiments.counting import count_results

TINY: dict[str, Any] = {"preset": "smoke", "settings": {"train_size": 64, "epochs": 1}}

STAND_INS = {
    "sbatch": '#!/bin/bash\n[ "$1" = --parsable ] && echo "$2" >> "$SAID" && echo "17;cluster"\n',
    "srun": '#!/bin/bash\n[ "$1" = --cpus-per-task=1 ] || exit 99\nshift\nexec "$@"\n',
    "scontrol": '#!/bin/bash\necho "$@" >> "$SAID"\n',
}


@pytest.fixture
def said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand-ins for Slurm's programs; the file that they write to."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name, text in STAND_INS.items():
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    monkeypatch.setenv("SAID", str(tmp_path / "said"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "said"


def start_task(script: Path, number: int) -> subprocess.Popen[str]:
    """Carry out one task of the array, as Slurm would on a node."""
    words = {"SLURM_ARRAY_JOB_ID": "1", "SLURM_ARRAY_TASK_ID": str(number), "SLURM_CPUS_PER_TASK": "1"}
    return subprocess.Popen(
        ["bash", str(script)], env={**os.environ, **words}, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def test_the_script_names_what_a_job_needs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    options = {"tasks": "3", "time": "4:00:00", "gpus": "1", "memory": "8G", "comment": "two words"}
    found = lab.write_slurm_script("quickstart", options, workers=2, **TINY)
    assert (found.tasks, found.job) == (3, None)
    assert str(found).endswith(f"submit it with\n  sbatch {found.path}")
    lines = found.path.read_text().splitlines()
    assert lines[0] == "#!/bin/bash"
    for line in (
        "--array=1-3",
        "--time=4:00:00",
        "--gpus-per-task=1",
        "--mem=8G",
        '--comment="two words"',
        "--cpus-per-task=2",
        "--requeue",
        "--open-mode=append",
        "--signal=USR1@120",
        f"--chdir={tmp_path}",
        f"--output={tmp_path}/runs/quickstart/slurm-%A-%a.txt",
    ):
        assert f"#SBATCH {line}" in lines
    (command,) = (line for line in lines if line.startswith("srun"))
    arguments = "--preset smoke --set train_size=64 --set epochs=1"
    assert f"-m rectifiers run quickstart {arguments} --results {tmp_path}/runs" in command
    assert command.endswith("--workers 2 --no-wait --no-report")
    assert subprocess.run(["bash", "-n", str(found.path)], check=False).returncode == 0


def test_folders_may_have_any_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / 'it\'s 100 % "mine", \\ #1'
    place.mkdir()
    monkeypatch.chdir(place)
    found = lab.write_slurm_script("quickstart", {"comment": "a#b"}, results=place / "runs", **TINY)
    lines = [line for line in found.path.read_text().splitlines() if line.startswith("#SBATCH ")]
    # sbatch reads quotes, backslashes and comments as a shell does.
    given = dict(word.split("=", 1) for line in lines for word in shlex.split(line[1:], comments=True) if "=" in word)
    assert given["--chdir"] == str(place)
    assert given["--comment"] == "a#b"
    assert given["--output"].startswith(f"{place}/runs/".replace("%", "%%"))


def test_there_are_no_more_tasks_than_runs(tmp_path: Path) -> None:
    found = lab.write_slurm_script("quickstart", {"tasks": "50"}, results=tmp_path, **TINY)
    assert found.tasks == 6


def test_devices_need_not_be_on_this_machine(tmp_path: Path) -> None:
    lab.write_slurm_script("quickstart", preset="smoke", settings={"device": "cuda:7"}, results=tmp_path)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"array": "1-5"}, "array is set by the script"),
        ({"Time": "5"}, "expected a long option of sbatch"),
        ({"comment": "a\n#SBATCH --nodes=9"}, "expected a long option of sbatch"),
        ({"tasks": "none"}, "tasks must be a whole number and at least 1, got 'none'"),
        ({"tasks": "0"}, "tasks must be a whole number and at least 1, got '0'"),
        ({"cpus": ""}, "cpus has no value"),
        ({"time": ""}, "time has no value"),
        ({"time": "4"}, "time must be at least 5 minutes, got 4, which is 4.0 min"),
        ({"time": "4:59"}, "time must be at least 5 minutes, got 4:59"),
        ({"time": "0:03:00"}, "time must be at least 5 minutes, got 0:03:00"),
        ({"time": "0-0:4"}, "time must be at least 5 minutes, got 0-0:4"),
    ],
)
def test_options_that_cannot_be(options: dict[str, str], words: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=re.escape(words)):
        lab.write_slurm_script("quickstart", options, results=tmp_path, **TINY)
    assert not list(tmp_path.glob("*/slurm.sh"))


@pytest.mark.parametrize("time", ["5", "5:00", "0:05:00", "1-0", "0-1", "0-0:5", "0-0:5:0", "0", "UNLIMITED"])
def test_times_as_slurm_writes_them(time: str, tmp_path: Path) -> None:
    found = lab.write_slurm_script("quickstart", {"time": time}, results=tmp_path, **TINY)
    assert f"#SBATCH --time={time}" in found.path.read_text().splitlines()


def test_an_answer_without_a_number_is_no_job(said: Path, tmp_path: Path) -> None:
    (tmp_path / "bin" / "sbatch").write_text("#!/bin/bash\necho sbatch: would start at noon\n")
    with pytest.raises(ConfigError, match=r"no job number, but 'sbatch: would start at noon'; correct --slurm"):
        lab.write_slurm_script("quickstart", submit=True, **TINY)


def test_an_experiment_without_a_name_cannot_be_written(tmp_path: Path) -> None:
    mine = lab.experiment(["relu"], dataset="digits", network="digits-conv", lr=0.1)
    with pytest.raises(ConfigError, match="write it into a TOML file"):
        lab.write_slurm_script(mine, results=tmp_path)


def test_without_sbatch_the_script_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConfigError, match=r"there is no sbatch on this machine; the script is in .*slurm.sh"):
        lab.write_slurm_script("quickstart", results=tmp_path, submit=True, **TINY)
    assert (tmp_path / "quickstart" / "slurm.sh").exists()


def test_what_sbatch_refuses_is_told(said: Path, tmp_path: Path) -> None:
    (tmp_path / "bin" / "sbatch").write_text("#!/bin/bash\necho invalid partition >&2\nexit 1\n")
    with pytest.raises(ConfigError, match=r"sbatch refused .*: invalid partition; correct --slurm and try again"):
        lab.write_slurm_script("quickstart", submit=True, **TINY)


@pytest.mark.slow
def test_the_tasks_of_an_array_divide_the_runs(said: Path, tmp_path: Path) -> None:
    found = lab.write_slurm_script("quickstart", {"tasks": "2"}, submit=True, **TINY)
    assert found.job == "17"
    assert said.read_text() == f"{found.path}\n"
    tasks = [start_task(found.path, number) for number in (1, 2)]
    told = [task.communicate(timeout=300) for task in tasks]
    assert [task.returncode for task in tasks] == [0, 0], told
    assert count_results(found.path.parent) == 6
    log = (found.path.parent / "log.txt").read_text()
    assert set(Counter(re.findall(r" (\w{16}) begins: ", log)).values()) == {1}
    with pytest.raises(ConfigError, match=r"all 6 runs in .* have finished"):
        lab.write_slurm_script("quickstart", **TINY)


def wait_until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 240
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "SIGUSR1"), reason="the warning is a POSIX signal")
def test_a_job_that_is_warned_of_its_time_limit_begins_anew_from_its_checkpoint(said: Path, tmp_path: Path) -> None:
    long = {"train_size": 64, "epochs": 10**6}
    found = lab.write_slurm_script("quickstart", {"tasks": "1"}, preset="smoke", settings=long, workers=1)
    task = start_task(found.path, 5)
    log = found.path.parent / "log.txt"
    wait_until(lambda: log.exists() and " epoch " in log.read_text())
    (runner,) = Path(f"/proc/{task.pid}/task/{task.pid}/children").read_text().split()
    os.kill(int(runner), signal.SIGUSR1)
    task.communicate(timeout=60)
    assert said.read_text() == "requeue 1_5\n"
    assert list(found.path.parent.glob("*/checkpoints/*.json"))
